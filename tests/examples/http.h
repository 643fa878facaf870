/* SPDX-License-Identifier: MIT */
/*
 * What HTTP asks of a server of static files: requests read, heads of answers
 * written. No input and output here: http.c does it on a ring, and
 * tests/bench/http-epoll.c with epoll, so that both can be compared.
 */
#ifndef HTTP_H
#define HTTP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#define HTTP_HEAD_MAX 8192 /* bytes of a request's head */
#define HTTP_PATH_MAX 1024

struct http_request {
    char path[HTTP_PATH_MAX]; /* decoded, relative to the root, never empty */
    bool head;                /* HEAD: no body in the answer */
    bool keep;                /* the connection goes on after the answer */
    char if_none_match[256];
    time_t if_modified_since; /* -1: not asked */
};

static inline int http_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes a target up to `?`, and adds index.html to directories. 0, or the status of an error. */
static inline int http_path(struct http_request *r, const char *target)
{
    size_t n = 0;

    if (!strncasecmp(target, "http://", 7)) /* the absolute form, as for a proxy */
        target += 7 + strcspn(target + 7, "/?");
    if (*target != '/')
        return 400;
    while (*target == '/')
        target++;
    for (; *target && *target != '?' && *target != '#'; target++) {
        char c = *target;

        if (c == '%') {
            int high = http_hex(target[1]), low = high < 0 ? -1 : http_hex(target[2]);

            if (low < 0 || (!high && !low))
                return 400;
            c = (char)(high << 4 | low);
            target += 2;
        }
        if (n + sizeof("index.html") + 1 >= sizeof(r->path))
            return 414;
        r->path[n++] = c;
    }
    r->path[n] = '\0';
    if (!n || r->path[n - 1] == '/')
        strcpy(r->path + n, "index.html");
    return 0;
}

/* One header field; 0, or the status of an error. */
static inline int http_field(struct http_request *r, const char *name, const char *value)
{
    struct tm tm = {0};
    char *end;

    if (!strcasecmp(name, "Connection")) {
        if (strcasestr(value, "close"))
            r->keep = false;
        else if (strcasestr(value, "keep-alive"))
            r->keep = true;
    } else if (!strcasecmp(name, "Content-Length")) {
        unsigned long long length = strtoull(value, &end, 10);

        if (end == value || *end || *value < '0' || *value > '9')
            return 400;
        if (length)
            return 413; /* no request that is served here has a body */
    } else if (!strcasecmp(name, "Transfer-Encoding")) {
        return 413;
    } else if (!strcasecmp(name, "If-None-Match")) {
        snprintf(r->if_none_match, sizeof(r->if_none_match), "%s", value);
    } else if (!strcasecmp(name, "If-Modified-Since")) {
        if (strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm))
            r->if_modified_since = timegm(&tm);
    }
    return 0;
}

/* The characters that a method or the name of a field may have. */
static inline bool http_is_token(const char *text)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return *text && !text[strspn(text, token)];
}

/* The first line, which is writable. 0, or the status of an error. */
static inline int http_first_line(struct http_request *r, char *line, bool *is_1_1)
{
    char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;

    if (!version)
        return 400;
    *target++ = *version++ = '\0';
    if (!http_is_token(line) || strncmp(version, "HTTP/", 5) || strlen(version) != 8 ||
        version[6] != '.')
        return 400;
    if (version[5] != '1')
        return 505;
    *is_1_1 = version[7] != '0';
    r->keep = *is_1_1;
    r->head = !strcmp(line, "HEAD");
    if (!r->head && strcmp(line, "GET"))
        return 405;
    return http_path(r, target);
}

/*
 * Reads a request at the start of `data`. Returns the bytes of its head, 0
 * when it is not complete yet, or the status of an error, negated: the
 * connection is then to be closed after the answer.
 */
static inline int http_parse(struct http_request *r, const char *data, size_t size)
{
    char head[HTTP_HEAD_MAX], *line, *next;
    const char *blank;
    size_t length;
    bool first = true, is_1_1 = false, host = false;
    int status = 0;

    r->path[0] = '\0';
    r->head = r->keep = false;
    r->if_none_match[0] = '\0';
    r->if_modified_since = -1;
    blank = (const char *)memmem(data, size, "\r\n\r\n", 4);
    if (!blank) {
        const char *end = (const char *)memchr(data, '\n', size);

        if (size >= HTTP_HEAD_MAX)
            return end ? -431 : -414;
        /* Nonsense is not waited for. */
        if (size && (data[0] < 'A' || data[0] > 'Z') && data[0] != '\r')
            return -400;
        return end && (end == data || end[-1] != '\r') ? -400 : 0;
    }
    length = (size_t)(blank - data) + 4;
    if (length > sizeof(head))
        return -431;
    memcpy(head, data, length - 2);
    head[length - 2] = '\0';
    if (strlen(head) != length - 2)
        return -400;
    for (line = head; *line; line = next) {
        char *value, *end;

        next = strstr(line, "\r\n");
        *next = '\0';
        next += 2;
        if (strpbrk(line, "\r\n"))
            return -400;
        if (first) {
            status = http_first_line(r, line, &is_1_1);
            first = false;
            if (status)
                return -status;
            continue;
        }
        value = strchr(line, ':');
        if (!value)
            return -400;
        *value++ = '\0';
        if (!http_is_token(line))
            return -400;
        value += strspn(value, " \t");
        for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
            *--end = '\0';
        if (!strcasecmp(line, "Host")) {
            if (host)
                return -400;
            host = true;
        }
        status = http_field(r, line, value);
        if (status)
            return -status;
    }
    if (is_1_1 && !host)
        return -400;
    return (int)length;
}

/* The status that says why a file cannot be served; `error` is a positive errno. */
static inline int http_status_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
        return 404;
    case EACCES:
    case EPERM:
    case EXDEV: /* outside the directory */
        return 403;
    case ENAMETOOLONG:
        return 414;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static inline const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {301, "Moved Permanently"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {431, "Request Header Fields Too Large"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Internal Server Error";
}

static inline const char *http_type(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css"},
        {".js", "text/javascript"},
        {".json", "application/json"},
        {".txt", "text/plain; charset=utf-8"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".svg", "image/svg+xml"},
        {".gif", "image/gif"},
        {".pdf", "application/pdf"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++) {
        if (!strcasecmp(dot, types[i][0]))
            return types[i][1];
    }
    return "application/octet-stream";
}

/* A time as HTTP writes it; the last one is remembered, it is asked for once per answer. */
static inline const char *http_date(time_t time, char text[static 40])
{
    static time_t last = -1;
    static char known[40];
    struct tm tm;

    if (time != last) {
        gmtime_r(&time, &tm);
        strftime(known, sizeof(known), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        last = time;
    }
    return (const char *)memcpy(text, known, sizeof(known));
}

/* 200, or 304 when the client has what `st` describes; writes the tag that tells versions apart. */
static inline int http_condition(const struct http_request *r, const struct stat *st,
                                 char tag[static 48])
{
    snprintf(tag, 48, "\"%llx-%llx\"",
             (unsigned long long)st->st_mtim.tv_sec * 1000000000u +
                 (unsigned long long)st->st_mtim.tv_nsec,
             (unsigned long long)st->st_size);
    if (r->if_none_match[0])
        return strstr(r->if_none_match, tag) || !strcmp(r->if_none_match, "*") ? 304 : 200;
    return r->if_modified_since >= 0 && st->st_mtim.tv_sec <= r->if_modified_since ? 304 : 200;
}

/* Writes the head of the answer to a request for the file `st`, at most 1 KiB; stores its status. */
static inline int http_file_head(const struct http_request *r, const struct stat *st, char *out,
                                 int *status)
{
    static time_t last = -1;
    static char modified[40], now_text[40];
    char tag[48];
    time_t now = time(NULL);
    struct tm tm;

    *status = http_condition(r, st, tag);
    if (now != last) {
        http_date(now, now_text);
        last = now;
    }
    gmtime_r(&st->st_mtim.tv_sec, &tm);
    strftime(modified, sizeof(modified), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return snprintf(out, 1024,
                    "HTTP/1.1 %d %s\r\nDate: %s\r\nLast-Modified: %s\r\nETag: %s\r\n"
                    "Content-Type: %s\r\nContent-Length: %llu\r\n%s\r\n",
                    *status, http_reason(*status), now_text, modified, tag, http_type(r->path),
                    (unsigned long long)st->st_size, r->keep ? "" : "Connection: close\r\n");
}

/* Writes a whole answer that has no file, at most 4 KiB: an error, or the way to a directory. */
static inline int http_plain_answer(const struct http_request *r, int status, char *out)
{
    char date[40], body[64], location[3 * HTTP_PATH_MAX + 32] = "";
    int length = snprintf(body, sizeof(body), "%d %s\n", status, http_reason(status));

    if (status == 301) {
        char *to = location + sprintf(location, "Location: /");

        for (const char *c = r->path; *c; c++) {
            bool plain = http_is_token((const char[]){*c, '\0'}) || *c == '/';

            to += sprintf(to, plain && *c != '%' ? "%c" : "%%%02X", (unsigned char)*c);
        }
        strcpy(to, "/\r\n");
    }
    return snprintf(out, 4096,
                    "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%sContent-Type: text/plain\r\n"
                    "Content-Length: %d\r\n%s\r\n%s",
                    status, http_reason(status), http_date(time(NULL), date), location,
                    status == 405 ? "Allow: GET, HEAD\r\n" : "", length,
                    r->keep ? "" : "Connection: close\r\n", r->head ? "" : body);
}

#endif /* HTTP_H */
