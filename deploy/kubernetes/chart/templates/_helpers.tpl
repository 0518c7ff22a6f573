{{- define "wechat-material-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 52 characters: the controller appends a hash of 10 to make a label of it. */}}
{{- define "wechat-material-exporter.fullname" -}}
{{- $name := include "wechat-material-exporter.name" . -}}
{{- $release := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $release .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "wechat-material-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "wechat-material-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Nothing that changes with the chart alone, which would be a restart. Nobody may change what is selected by. */}}
{{- define "wechat-material-exporter.podLabels" -}}
{{- $labels := include "wechat-material-exporter.selectorLabels" . | fromYaml -}}
{{- $version := dict "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- toYaml (merge $labels $version .Values.podLabels .Values.commonLabels) -}}
{{- end -}}

{{/* The labels of an object of .root, and .more. */}}
{{- define "wechat-material-exporter.labelsAnd" -}}
{{- with .root -}}
{{- $labels := include "wechat-material-exporter.selectorLabels" . | fromYaml -}}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $version := dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service "helm.sh/chart" $chart -}}
{{- toYaml (merge $labels $version $.more .Values.commonLabels) -}}
{{- end -}}
{{- end -}}

{{- define "wechat-material-exporter.labels" -}}
{{- include "wechat-material-exporter.labelsAnd" (dict "root" . "more" dict) -}}
{{- end -}}

{{- define "wechat-material-exporter.serviceAccountName" -}}
{{- $unnamed := ternary (include "wechat-material-exporter.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $unnamed .Values.serviceAccount.name -}}
{{- end -}}

{{- define "wechat-material-exporter.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "wechat-material-exporter.scheme" -}}
{{- ternary "https" "http" .Values.webConfig.tls -}}
{{- end -}}

{{/* The configuration as text: numbers of a map are whole again, texts that look like numbers quoted. */}}
{{- define "wechat-material-exporter.config" -}}
{{- kindIs "string" .Values.config | ternary .Values.config (toYaml .Values.config) -}}
{{- end -}}

{{/* A probe of .path with the numbers of .probe. */}}
{{- define "wechat-material-exporter.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
  scheme: {{ include "wechat-material-exporter.scheme" .root | upper }}
{{ toYaml .probe }}
{{- end -}}
