// libcurl for Swift: curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call.
#ifndef CCURL_H
#define CCURL_H

#include <curl/curl.h>
#include <stddef.h>

/// Receives some bytes of an answer; answers how many it took.
typedef size_t (*ccurl_receiver)(char *bytes, size_t size, size_t count, void *context);

CURLcode ccurl_set_number(CURL *handle, CURLoption option, long value);
CURLcode ccurl_set_text(CURL *handle, CURLoption option, const char *value);
CURLcode ccurl_set_bytes(CURL *handle, CURLoption option, const void *value);
CURLcode ccurl_set_list(CURL *handle, CURLoption option, struct curl_slist *value);
CURLcode ccurl_set_context(CURL *handle, CURLoption option, void *value);
CURLcode ccurl_set_receiver(CURL *handle, CURLoption option, ccurl_receiver value);
CURLcode ccurl_get_number(CURL *handle, CURLINFO info, long *value);

#endif
