/* A function in C without any library: speaks the Runtime API over one connection per request, as simple as can be.
 * What it does with an event is asked by a word in it: act=error, act=exit, act=crash, act=hang; else it echoes it. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static char answer[1 << 20];

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* Sends a request and fills `answer` with head and body. Returns the body. */
static char *ask(const char *method, const char *path, const char *body) {
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    char host[64];
    int port;
    if (api == NULL || sscanf(api, "%63[^:]:%d", host, &port) != 2) die("AWS_LAMBDA_RUNTIME_API");
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) die("address");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
    dprintf(fd, "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
            method, path, api, strlen(body), body);
    size_t length = 0;
    for (ssize_t got; (got = read(fd, answer + length, sizeof answer - 1 - length)) > 0;) length += (size_t)got;
    close(fd);
    answer[length] = '\0';
    char *end = strstr(answer, "\r\n\r\n");
    if (end == NULL) die("answer");
    return end + 4;
}

static void request_id(char *id, size_t size) {
    const char name[] = "\r\nLambda-Runtime-Aws-Request-Id: ";
    char *at = strcasestr(answer, name);
    if (at == NULL) die("request id");
    at += sizeof name - 1;
    snprintf(id, size, "%.*s", (int)strcspn(at, "\r"), at);
}

int main(void) {
    if (getenv("FAIL_INIT") != NULL) {
        ask("POST", "init/error", "{\"errorType\":\"Asked.Init\",\"errorMessage\":\"the table is missing\"}");
        return 1;
    }
    for (;;) {
        char *event = strdup(ask("GET", "invocation/next", ""));
        char id[160], path[224];
        request_id(id, sizeof id);
        printf("serving %s\n", id);
        fflush(stdout);
        if (strstr(event, "act=exit") != NULL) return 3;
        if (strstr(event, "act=crash") != NULL) abort();
        if (strstr(event, "act=hang") != NULL) pause();
        int fails = strstr(event, "act=error") != NULL;
        snprintf(path, sizeof path, "invocation/%s/%s", id, fails ? "error" : "response");
        ask("POST", path, fails ? "{\"errorType\":\"Asked\",\"errorMessage\":\"to fail\"}" : event);
        free(event);
    }
}
