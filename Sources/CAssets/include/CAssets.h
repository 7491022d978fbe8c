// What the binary carries: the dashboard page and the API's description (Interface §7).
#pragma once

#include <stddef.h>

/// The dashboard page (`GET /`), `text/html; charset=utf-8`; it is never freed.
const unsigned char *_Nonnull rast_asset_dashboard(size_t *_Nonnull count);

/// The value of the page's Content-Security-Policy: nothing but the page's own script and style, and nothing
/// but this node to talk to. ASCII, one line.
const unsigned char *_Nonnull rast_asset_dashboard_policy(size_t *_Nonnull count);

/// `openapi.yaml` (`GET /openapi.yaml`), `application/yaml`; it is never freed.
const unsigned char *_Nonnull rast_asset_openapi(size_t *_Nonnull count);
