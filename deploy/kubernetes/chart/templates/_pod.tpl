{{- define "wechat-material-exporter.pod" -}}
serviceAccountName: {{ include "wechat-material-exporter.serviceAccountName" . }}
automountServiceAccountToken: false
# The variables of a Service called wechat-exporter would look like flags.
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpread }}
{{- if and .enabled .topologyKeys }}
topologySpreadConstraints:
  {{- range .topologyKeys }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "wechat-material-exporter.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}
containers:
  - name: exporter
    {{- include "wechat-material-exporter.container" . | nindent 4 }}
volumes:
  {{- include "wechat-material-exporter.volumes" . | nindent 2 }}
{{- end -}}

{{- define "wechat-material-exporter.container" -}}
image: {{ include "wechat-material-exporter.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - --config.file=/etc/wechat-material-exporter/config/config.yaml
  - --state.file=/var/lib/wechat-material-exporter/state-{shard}
  # The number at the end of the pod's name.
  - --shard=auto
  - --total-shards={{ int .Values.shards }}
  - --web.listen-address=:{{ int .Values.port }}
  {{- if .Values.webConfig.existingSecret }}
  - --web.config.file=/etc/wechat-material-exporter/web/{{ .Values.webConfig.key }}
  - --web.auth-exempt-health
  {{- end }}
  {{- if .Values.enableLifecycle }}
  - --web.enable-lifecycle
  {{- end }}
  - --log.level={{ .Values.log.level }}
  - --log.format={{ .Values.log.format }}
  {{- with .Values.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or .Values.accountFiles .Values.extraEnv }}
env:
  {{- if .Values.accountFiles }}
  - name: WECHAT_EXPORTER__ACCOUNT_FILES
    value: /etc/wechat-material-exporter/accounts.d/*/*.yaml
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
ports:
  - name: http
    containerPort: {{ int .Values.port }}
{{- with .Values.probes }}
{{- if .enabled }}
startupProbe:
  {{- include "wechat-material-exporter.probe" (dict "root" $ "path" "/-/healthy" "probe" .startup) | nindent 2 }}
livenessProbe:
  {{- include "wechat-material-exporter.probe" (dict "root" $ "path" "/-/healthy" "probe" .liveness) | nindent 2 }}
readinessProbe:
  {{- include "wechat-material-exporter.probe" (dict "root" $ "path" "/-/ready" "probe" .readiness) | nindent 2 }}
{{- end }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  {{- include "wechat-material-exporter.volumeMounts" . | nindent 2 }}
{{- end -}}

{{- define "wechat-material-exporter.volumeMounts" -}}
- name: config
  mountPath: /etc/wechat-material-exporter/config
  readOnly: true
- name: state
  mountPath: /var/lib/wechat-material-exporter
{{- range $index, $files := .Values.accountFiles }}
- name: accounts-{{ $index }}
  mountPath: /etc/wechat-material-exporter/accounts.d/{{ default $files.secret $files.configMap }}
  readOnly: true
{{- end }}
{{- range $index, $name := .Values.secretMounts }}
- name: secret-{{ $index }}
  mountPath: /run/secrets/{{ $name }}
  readOnly: true
{{- end }}
{{- if .Values.webConfig.existingSecret }}
- name: web-config
  mountPath: /etc/wechat-material-exporter/web
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Secrets have the mode 0440: the pod's group reads them, nobody else. */}}
{{- define "wechat-material-exporter.volumes" -}}
- name: config
  configMap:
    name: {{ default (include "wechat-material-exporter.fullname" .) .Values.existingConfigMap }}
{{- if not .Values.persistence.enabled }}
- name: state
  emptyDir:
    sizeLimit: {{ .Values.persistence.size }}
{{- end }}
{{- range $index, $files := .Values.accountFiles }}
- name: accounts-{{ $index }}
  {{- with $files.configMap }}
  configMap:
    name: {{ . }}
  {{- end }}
  {{- with $files.secret }}
  secret:
    secretName: {{ . }}
    defaultMode: 288
  {{- end }}
{{- end }}
{{- range $index, $name := .Values.secretMounts }}
- name: secret-{{ $index }}
  secret:
    secretName: {{ $name }}
    defaultMode: 288
{{- end }}
{{- with .Values.webConfig.existingSecret }}
- name: web-config
  secret:
    secretName: {{ . }}
    defaultMode: 288
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
