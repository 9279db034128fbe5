# syntax=docker/dockerfile:1
# One image for every service; which of them runs is the command's to say: `node apps/orders/dist/main.js`.
ARG NODE_IMAGE=node:24-bookworm-slim

# Only the manifests: what is installed from them stays in the cache until one of them changes.
FROM ${NODE_IMAGE} AS manifests
WORKDIR /from
COPY . .
RUN mkdir /manifests && cp --parents package.json package-lock.json .npmrc ./*/package.json ./*/*/package.json /manifests

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY --from=manifests /manifests ./
RUN --mount=type=cache,target=/npm-cache npm ci --cache /npm-cache --ignore-scripts --no-audit
COPY . .
RUN npx tsc -b apps/*/tsconfig.build.json infra/catalogue/tsconfig.build.json infra/key-store/tsconfig.build.json infra/issuer/tsconfig.build.json infra/lag-watch/tsconfig.build.json infra/cdc/tsconfig.build.json \
 && mkdir /compiled && cp -r --parents apps/*/dist infra/*/dist libs/*/dist libs/contracts/proto libs/contracts/vendor /compiled \
 && find /compiled -name '*.d.ts' -delete

FROM ${NODE_IMAGE} AS production
WORKDIR /app
COPY --from=manifests /manifests ./
RUN --mount=type=cache,target=/npm-cache \
    npm ci --cache /npm-cache --omit=dev --ignore-scripts --no-audit \
      -w apps -w infra/catalogue -w infra/key-store -w infra/issuer -w infra/lag-watch -w infra/cdc \
 && find node_modules \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.map' -o -name '*.md' \) -type f -delete

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=production /app ./
# A volume that is mounted on one of these takes over its owner and its mode.
RUN install -d -o node -g node $(cd apps && printf '/secrets/%s ' * postgres cdc orders-client carrier key-store master-key) /issuer \
 && install -d -m 0777 /registry
COPY --from=build /compiled ./
USER node
# No npm and no shell in between: signals reach the service, which stops in order within ten seconds.
CMD ["node", "--enable-source-maps", "apps/orders/dist/main.js"]
