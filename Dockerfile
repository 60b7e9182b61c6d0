# syntax=docker/dockerfile:1
# Builds the server and ships it on a slim base, not as root. State lives in the volume /data.
#
#   docker build -t poolhouse .
#   docker run --rm -p 127.0.0.1:9229:9229 -p 127.0.0.1:9230:9230 -v poolhouse:/data poolhouse
#
# The image serves the example configuration; mount your own over /etc/poolhouse.

FROM rust:1.95-slim-bookworm AS builder
WORKDIR /src
COPY . .
# Registry and target folder are caches of the builder, so a rebuild compiles only what changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin poolhouse \
    && cp target/release/poolhouse /poolhouse \
    && mkdir /data

FROM debian:bookworm-slim
RUN useradd --uid 65532 --no-create-home --shell /usr/sbin/nologin poolhouse
COPY --from=builder /poolhouse /usr/local/bin/poolhouse
COPY poolhouse.toml /etc/poolhouse/poolhouse.toml
COPY functions /etc/poolhouse/functions
COPY --from=builder --chown=65532:65532 /data /data

USER poolhouse
WORKDIR /etc/poolhouse
# Inside the container every address is remote. What is published, and to whom, is decided where the container is started.
ENV POOLHOUSE_ALLOW_REMOTE=true \
    POOLHOUSE_SERVER__LISTEN=0.0.0.0:9229 \
    POOLHOUSE_GATEWAY__LISTEN=0.0.0.0:9230 \
    POOLHOUSE_DATABASE__URL=sqlite:/data/poolhouse.db \
    RUST_LIB_BACKTRACE=0
VOLUME /data
EXPOSE 9229 9230
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/usr/local/bin/poolhouse", "health"]
ENTRYPOINT ["/usr/local/bin/poolhouse"]
CMD ["serve", "--data", "/data"]
