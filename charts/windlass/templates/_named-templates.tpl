{{- /* What the processes call their version: the tag without a digest. */ -}}
{{- define "windlass.version" -}}
{{ .Values.image.tag | splitList "@" | first }}
{{- end }}

{{- define "windlass.mebibytes" -}}
{{- $figure := regexFind "^[0-9]+" . | int64 -}}
{{ if hasSuffix "Gi" . }}{{ mul $figure 1024 }}{{ else }}{{ $figure }}{{ end }}
{{- end }}

{{- define "windlass.millis" -}}
{{- $figure := regexFind "^[0-9]+" . | int64 -}}
{{ if hasSuffix "m" . }}{{ $figure }}{{ else }}{{ mul $figure 1000 }}{{ end }}
{{- end }}

{{- define "windlass.providerPort" -}}
{{- $url := urlParse .Values.provider.url -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{ if $port }}{{ $port }}{{ else if eq $url.scheme "https" }}443{{ else }}80{{ end }}
{{- end }}

{{- /* Streams reserve their bytes: one that does not fit is never made. */ -}}
{{- define "windlass.storage" -}}
{{- if lt (include "windlass.mebibytes" .Values.nats.storage | int64) (int64 35200) }}
{{- fail (printf "nats.storage is %s, and the streams need 35200Mi." .Values.nats.storage) }}
{{- end }}
{{- end }}

{{- define "windlass.variables.operator" -}}
DRAIN_SECONDS: "25"
EXTERNAL_METRICS_OWNER: windlass-external-metrics-reader
GRACE_SECONDS: "40"
LOG_LEVEL: {{ .Values.logLevel | quote }}
NODE_ENV: production
NODE_OPTIONS: "--max-old-space-size=128 --max-semi-space-size=16 --v8-pool-size=1"
STREAM_DAYS: "14"
WATCH_NAMESPACE: windlass
WINDLASS_VERSION: {{ include "windlass.version" . | quote }}
{{- if ne .Values.autoscaling.mode "external" }}
EXTERNAL_METRICS: "off"
{{- end }}
{{- end }}

{{- define "windlass.variables.order" -}}
DRAIN_SECONDS: "25"
GRACE_SECONDS: "40"
LOG_LEVEL: {{ .Values.logLevel | quote }}
MIGRATE: "off"
NATS_CA: /run/nats/ca.crt
NATS_NKEY: /run/nats/nkey.seed
NATS_URL: "nats://nats.windlass.svc:4222"
NODE_ENV: production
NODE_OPTIONS: "--max-old-space-size=96 --max-semi-space-size=16 --v8-pool-size=1"
STREAM_DAYS: "14"
WINDLASS_VERSION: {{ include "windlass.version" . | quote }}
{{- end }}

{{- define "windlass.variables.inventory" -}}
DRAIN_SECONDS: "25"
GRACE_SECONDS: "40"
LOG_LEVEL: {{ .Values.logLevel | quote }}
MIGRATE: "off"
NATS_CA: /run/nats/ca.crt
NATS_NKEY: /run/nats/nkey.seed
NATS_URL: "nats://nats.windlass.svc:4222"
NODE_ENV: production
NODE_OPTIONS: "--max-old-space-size=96 --max-semi-space-size=16 --v8-pool-size=1"
STREAM_DAYS: "14"
WINDLASS_VERSION: {{ include "windlass.version" . | quote }}
{{- end }}

{{- define "windlass.variables.payment" -}}
DRAIN_SECONDS: "25"
GRACE_SECONDS: "40"
LOG_LEVEL: {{ .Values.logLevel | quote }}
MIGRATE: "off"
NATS_CA: /run/nats/ca.crt
NATS_NKEY: /run/nats/nkey.seed
NATS_URL: "nats://nats.windlass.svc:4222"
NODE_ENV: production
NODE_OPTIONS: "--max-old-space-size=96 --max-semi-space-size=16 --v8-pool-size=1"
PROVIDER_URL: {{ .Values.provider.url | quote }}
STREAM_DAYS: "14"
WINDLASS_VERSION: {{ include "windlass.version" . | quote }}
{{- end }}
