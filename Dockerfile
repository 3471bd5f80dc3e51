# The images hold nothing but a static program and the roots that certificates are verified with: no shell, no
# package. `ringfence ready` is the health check. Build the default target, ringfence, or --target agent.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
RUN CGO_ENABLED=0 go build -trimpath -tags grpcnotrace -ldflags "-s -w -X main.version=${VERSION}" -o /out/bin/ \
    ./cmd/ringfence ./examples/agent
# scratch has no mkdir. A volume mounted on one of these directories takes over its owner.
RUN install -d -m 0700 /out/var/lib/ringfence /out/home/ringfence

FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# Numeric, so that an orchestrator can see that it is not root.
USER 65532:65532

FROM base AS agent
COPY --from=build /out/bin/agent /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/agent"]

FROM base AS ringfence
COPY --from=build /out/bin/ringfence /usr/local/bin/
COPY --from=build --chown=65532:65532 /out/var/lib/ /var/lib/
COPY --from=build --chown=65532:65532 /out/home/ /home/
# Puts the data directory at /var/lib/ringfence.
ENV XDG_DATA_HOME=/var/lib
WORKDIR /home/ringfence
ENTRYPOINT ["/usr/local/bin/ringfence"]
CMD ["serve"]
