/* Does one thing after the other, as its arguments say: each way of looking at a root is a word. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void show(const char *path) {
    char text[4096];
    int file = open(path, O_RDONLY);
    if (file < 0) {
        printf("%s: %s\n", path, strerror(errno));
        return;
    }
    ssize_t count = read(file, text, sizeof text - 1);
    printf("%s: %.*s\n", path, (int)(count < 0 ? 0 : count), text);
    close(file);
}

static void reach(const char *address) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    inet_pton(AF_INET, address, &to.sin_addr);
    int out = socket(AF_INET, SOCK_STREAM, 0);
    if (!strncmp(address, "127.", 4)) {
        socklen_t size = sizeof to;
        int in = socket(AF_INET, SOCK_STREAM, 0);
        to.sin_port = 0;
        if (bind(in, (struct sockaddr *)&to, size) || listen(in, 1)) perror("listen");
        getsockname(in, (struct sockaddr *)&to, &size);
    }
    int done = connect(out, (struct sockaddr *)&to, sizeof to);
    printf("%s: %s\n", address, done ? strerror(errno) : "reached");
}

int main(int count, char **words) {
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int at = 1; at < count; at++) {
        char *word = words[at], *next = at + 1 < count ? words[at + 1] : "";
        if (!strcmp(word, "words")) {
            for (int n = 0; n < count; n++) printf("[%s]", words[n]);
            puts("");
        } else if (!strcmp(word, "env")) {
            for (char **line = environ; *line; line++) puts(*line);
        } else if (!strcmp(word, "who")) {
            gid_t groups[64];
            int many = getgroups(64, groups);
            char folder[4096], host[64];
            gethostname(host, sizeof host);
            printf("uid=%d gid=%d groups=", getuid(), getgid());
            for (int n = 0; n < many; n++) printf("%s%d", n ? "," : "", groups[n]);
            printf(" cwd=%s host=%s first=%d\n", getcwd(folder, sizeof folder), host, getpid() == 1);
        } else if (!strcmp(word, "show")) {
            show(next), at++;
        } else if (!strcmp(word, "write")) {
            int file = open(next, O_WRONLY | O_CREAT, 0644);
            printf("%s: %s\n", next, file < 0 || write(file, "x", 1) != 1 ? strerror(errno) : "written");
            at++;
        } else if (!strcmp(word, "mode")) {
            /* To what it is: whoever may do that may do worse. */
            struct stat now;
            int done = stat(next, &now) || chmod(next, now.st_mode & 07777);
            printf("%s: %s\n", next, done ? "kept" : "changed"), at++;
        } else if (!strcmp(word, "reach")) {
            reach(next), at++;
        } else if (!strcmp(word, "cat")) {
            char text[4096];
            for (ssize_t got; (got = read(0, text, sizeof text)) > 0;) write(1, text, got);
        } else if (!strcmp(word, "exit")) {
            return atoi(next);
        } else if (!strcmp(word, "signal")) {
            raise(atoi(next));
            puts("still here");
        } else if (!strcmp(word, "sleep")) {
            sleep(atoi(next)), at++;
        } else if (!strcmp(word, "fill")) {
            size_t size = (size_t)atoi(next) << 20;
            char *memory = malloc(size);
            if (!memory) {
                fputs("out of memory\n", stderr);
                return 9;
            }
            for (size_t byte = 0; byte < size; byte += 4096) memory[byte] = 1;
            puts("filled"), at++;
        } else if (!strcmp(word, "reserve")) {
            void *place = mmap(0, (size_t)atoi(next) << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            puts(place == MAP_FAILED ? strerror(errno) : "reserved"), at++;
        } else if (!strcmp(word, "write-on")) {
            for (;;) puts("and on and on and on and on and on and on and on and on and on");
        } else if (!strcmp(word, "leave")) {
            /* Children that nobody ends: sessions of their own, deaf to all that can be ignored. */
            for (int n = 0; n < atoi(next); n++) {
                if (fork()) continue;
                setsid();
                for (int signal = 1; signal < 32; signal++) sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, 0);
                for (;;) sleep(60);
            }
            at++;
        } else if (!strcmp(word, "close")) {
            close(0), close(1), close(2);
        } else {
            fprintf(stderr, "what is %s?\n", word);
            return 2;
        }
    }
    return 0;
}
