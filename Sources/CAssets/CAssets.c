// The dashboard page and openapi.yaml, compiled in (C23 #embed).
#include "CAssets.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char dashboard[] = {
#embed "dashboard.html"
};

static const unsigned char openapi[] = {
#embed "../../openapi.yaml"
};

// The hashes are those of the page's script and style: `scripts/check-page --policy` writes them.
static const char policy[] =
    "default-src 'none'; connect-src 'self'; img-src data:; "
    "script-src 'sha256-j9jdSn4ndBNbFfR6emUqnKAmyJvz0JU8yjT/CLU1nFU='; "
    "style-src 'sha256-AuO5xxNjrRlLTOdigunedsdFEjbyP8cMt4t5g2FUVNs='; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const unsigned char *rast_asset_dashboard(size_t *count) {
    *count = sizeof dashboard;
    return dashboard;
}

const unsigned char *rast_asset_dashboard_policy(size_t *count) {
    *count = sizeof policy - 1;
    return (const unsigned char *)policy;
}

const unsigned char *rast_asset_openapi(size_t *count) {
    *count = sizeof openapi;
    return openapi;
}
