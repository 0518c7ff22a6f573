# The exporter alone on a base without a shell, as a user without rights. deploy/README.md says how to build, run and
# pin it. The bases are tags; for an image that anybody can build again bit by bit, give both as NAME@sha256:….
ARG BUILDER=docker.io/library/rust:1.95-slim-bookworm
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILDER} AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY templates templates
COPY benches benches
COPY LICENSE deploy/licences/THIRD-PARTY.txt ./
# What wechat_exporter_build_info shows, and the time that all files bear.
ARG REVISION=""
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    BUILD_REVISION="${REVISION}" cargo build --release --locked --bin wechat-material-exporter \
    && install -D -t /image/usr/local/bin target/release/wechat-material-exporter \
    && install -D -m 0644 -t /image/usr/share/doc/wechat-material-exporter LICENSE THIRD-PARTY.txt \
    && install -d /image/etc/wechat-material-exporter \
    && install -d /state \
    && find /image /state -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
COPY --from=build /image /
# For --state.file: a new volume that is mounted here takes over who owns it.
COPY --from=build --chown=65532:65532 /state /var/lib/wechat-material-exporter
# The configuration is mounted here; paths in it are relative to here.
WORKDIR /etc/wechat-material-exporter
USER 65532:65532
# Also what the demo listens on, and what `health` asks: a flag would not reach it.
ENV WECHAT_EXPORTER_WEB_LISTEN_ADDRESS=:19870
EXPOSE 19870
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/wechat-material-exporter", "health"]
ENTRYPOINT ["/usr/local/bin/wechat-material-exporter"]
ARG REVISION=""
ARG VERSION=""
LABEL org.opencontainers.image.title="wechat-material-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the permanent material counts of WeChat Official Accounts" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
