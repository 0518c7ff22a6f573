{{/*
Refuses values that contradict each other, which the schema cannot see. Each message says what is
wrong, where, and what would be right.
*/}}
{{- define "wechat-material-exporter.check" -}}
{{- include "wechat-material-exporter.checkConfig" . -}}
{{- with .Values -}}
{{- if and .webConfig.tls (not .webConfig.existingSecret) -}}
{{- fail "webConfig.tls: true without a web configuration file: name its Secret in webConfig.existingSecret" -}}
{{- end -}}
{{- if and .serviceMonitor.enabled .webConfig.tls (not .serviceMonitor.tlsConfig) -}}
{{- fail "serviceMonitor.tlsConfig: missing: with webConfig.tls give the ca and the serverName of the certificate" -}}
{{- end -}}
{{- $interval := include "wechat-material-exporter.milliseconds" .serviceMonitor.interval -}}
{{- if gt (include "wechat-material-exporter.milliseconds" .serviceMonitor.scrapeTimeout | int64) (int64 $interval) -}}
{{- fail (printf "serviceMonitor.scrapeTimeout: longer than the interval, which the operator refuses: make it %s or less" .serviceMonitor.interval) -}}
{{- end -}}
{{- if and .serviceMonitor.basicAuth (not .webConfig.existingSecret) -}}
{{- fail "serviceMonitor.basicAuth: nobody asks for it: name the Secret of a web configuration file in webConfig.existingSecret" -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range .Values.accountFiles -}}
{{- $names = append $names (default .secret .configMap) -}}
{{- end -}}
{{- if ne (len $names) (len (uniq $names)) -}}
{{- fail "accountFiles: a ConfigMap and a Secret of the same name: rename one of them" -}}
{{- end -}}
{{- $insteads := include "wechat-material-exporter.insteads" . | fromYaml -}}
{{- range $index, $argument := .Values.extraArgs -}}
{{- $flag := regexFind "^--[^=]*" $argument -}}
{{- with get $insteads $flag -}}
{{- fail (printf "extraArgs[%d]: %s is for the chart to set: %s" $index $flag .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "wechat-material-exporter.checkConfig" -}}
{{- $config := .Values.config -}}
{{- if and $config .Values.existingConfigMap -}}
{{- fail "config: given, and existingConfigMap too: keep one of them" -}}
{{- end -}}
{{- if not (or $config .Values.existingConfigMap) -}}
{{- fail "config: missing: give the exporter's configuration, or name a ConfigMap that holds it in existingConfigMap" -}}
{{- end -}}
{{- if kindIs "string" $config -}}
{{- $config = fromYaml $config -}}
{{- with $config.Error -}}
{{- fail (printf "config: not a map in YAML: %s" .) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.accountFiles (hasKey $config "account_files") -}}
{{- fail "config.account_files: set by the chart when there are accountFiles: keep one of them" -}}
{{- end -}}
{{- if not .Values.allowSecretsInConfig -}}
{{- range include "wechat-material-exporter.secretsIn" (dict "at" "config" "node" $config) | splitList "\n" | compact -}}
{{- fail (printf "%s: a secret, which would stand in a ConfigMap: put it into a Secret of secretMounts and name its file with %s_file, or set allowSecretsInConfig" . (splitList "." . | last)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The paths of secrets in .node, which is at .at, a line each: secret keys, and URLs with a password. */}}
{{- define "wechat-material-exporter.secretsIn" -}}
{{- $at := .at -}}
{{- range $key, $value := .node -}}
{{- $path := printf "%s.%s" $at $key -}}
{{- if kindIs "map" $value -}}
{{- include "wechat-material-exporter.secretsIn" (dict "at" $path "node" $value) -}}
{{- else if or (has $key (list "app_secret" "component_app_secret" "refresh_token")) (and (has $key (list "url" "proxy")) (regexMatch "://[^/]*@" (toString $value))) -}}
{{- printf "%s\n" $path -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The flags that the chart sets, and those that have no place in a pod, each with what to do instead. */}}
{{- define "wechat-material-exporter.insteads" -}}
--config.file: use config or existingConfigMap
--config.check: check the file elsewhere
--once: write a Job
--state.file: use persistence
--shard: use shards
--total-shards: use shards
--web.listen-address: use port
--web.telemetry-path: it stays /metrics
--web.config.file: use webConfig
--web.auth-exempt-health: use webConfig
--web.enable-lifecycle: use enableLifecycle
--log.level: use log.level
--log.format: use log.format
{{- end -}}

{{/* A duration of Prometheus. */}}
{{- define "wechat-material-exporter.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 -}}
{{- $sum = add $sum (mul (regexFind "[0-9]+" . | int64) (get $units (regexFind "[a-z]+" .) | int64)) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}
