# The exporter alone on a base without a shell, as a user without rights.
FROM rust:1-slim-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY templates templates
COPY benches benches
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin wechat-material-exporter \
    && cp target/release/wechat-material-exporter /wechat-material-exporter

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /wechat-material-exporter /usr/local/bin/wechat-material-exporter
USER 65532:65532
EXPOSE 19870
ENTRYPOINT ["/usr/local/bin/wechat-material-exporter"]
CMD ["--config.file=/etc/wechat-material-exporter/config.yaml"]
