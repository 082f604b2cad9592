/* The process behind `cnncc bench --beside`: two pipes, and a way out for every misbehaviour.
 *
 * Our ends of the pipes are closed in every program that is executed, so the compilers of the C
 * back end cannot hold them open; the peer's process is waited for exactly once, on whichever path
 * it ends. */
#include "driver/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
    NUMBER_BYTES = 32, /* at most, of one time in an answer */
    PATIENCE = 200,    /* hundredths of a second between the end of its input and the peer's end */
};

struct Peer {
    Arena *arena;
    const char *command;
    pid_t pid;     /* 0: not started, or waited for */
    int status;    /* of waitpid */
    int requests;  /* the pipe to its standard input; -1: closed */
    FILE *answers; /* its standard output */
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A pipe that executed programs do not inherit. */
static bool open_pipe(int ends[2])
{
    if (pipe(ends) != 0) {
        ends[0] = ends[1] = -1;
        return false;
    }
    return fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0;
}

/* Closes the peer's input and waits for its end, for a while only: then it is killed. */
static void end_process(Peer *p)
{
    const struct timespec moment = {.tv_nsec = 10L * 1000 * 1000};
    close_end(&p->requests);
    for (int i = 0; p->pid > 0; i++) {
        pid_t ended = waitpid(p->pid, &p->status, WNOHANG);
        if (ended > 0 || (ended < 0 && errno != EINTR))
            p->pid = 0;
        else if (i == PATIENCE)
            kill(p->pid, SIGKILL);
        else
            nanosleep(&moment, NULL);
    }
}

static void stop(void *peer)
{
    Peer *p = peer;
    if (p->answers)
        fclose(p->answers); /* first: a peer that never stops printing ends by that */
    end_process(p);
}

/* The command's words, NULL at the end. */
static char **split_words(Arena *a, const char *command)
{
    char *words = arena_strdup(a, command), *save = NULL;
    char **argv = ARENA_ARRAY(a, char *, strlen(command) + 1);
    int n = 0;
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[n++] = w;
    return argv;
}

/* Executes `argv` with the two descriptors as standard input and output; returns an errno. */
static int spawn(Peer *p, char **argv, int input, int output)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (!error)
        error = posix_spawnp(&p->pid, argv[0], &actions, NULL, argv, environ);
    if (error)
        p->pid = 0;
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Opens the pipes and starts the process; returns an errno. What is open on failure, stop closes.
 */
static int connect_process(Peer *p, char **argv)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, error = 0;
    if (!open_pipe(in) || !open_pipe(out))
        error = errno;
    p->requests = in[1];
    if (!error && (p->answers = fdopen(out[0], "r")) == NULL)
        error = errno;
    if (!error)
        error = spawn(p, argv, in[0], out[1]);
    close_end(&in[0]);
    close_end(&out[1]);
    if (p->answers == NULL)
        close_end(&out[0]);
    return error;
}

Peer *peer_start(Arena *a, Diag *d, const char *command)
{
    char **argv = split_words(a, command);
    if (argv[0] == NULL) {
        diag_error(d, "the peer's command is empty");
        return NULL;
    }
    Peer *p = ARENA_NEW(a, Peer);
    *p = (Peer){.arena = a, .command = command, .requests = -1};
    arena_defer(a, stop, p);
    int error = connect_process(p, argv);
    if (error) {
        diag_error(d, "cannot start the peer \"%s\": %s", argv[0], strerror(error));
        return NULL;
    }
    return p;
}

/* Writes the request. A peer that has ended is an error like others, not the end of cnncc. */
static bool request(const Peer *p, int64_t runs)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, &before);
    bool written = dprintf(p->requests, "%lld\n", (long long)runs) > 0;
    sigaction(SIGPIPE, &before, NULL);
    return written;
}

/* Reports how the peer ended instead of answering. */
static bool report_end(Peer *p, Diag *d)
{
    end_process(p);
    if (WIFSIGNALED(p->status))
        return diag_error(d, "the peer \"%s\" gave no answer: ended by signal %d", p->command,
                          WTERMSIG(p->status));
    return diag_error(d, "the peer \"%s\" gave no answer: ended with status %d", p->command,
                      WEXITSTATUS(p->status));
}

/* An answer: exactly `runs` numbers of milliseconds. */
static bool parse_times(const char *line, int64_t runs, double *seconds)
{
    for (int64_t i = 0; i < runs; i++) {
        char *end;
        double milliseconds = strtod(line, &end);
        if (end == line || !strchr(" \t\r\n", *end) || !isfinite(milliseconds) || milliseconds < 0)
            return false;
        seconds[i] = 1e-3 * milliseconds;
        line = end;
    }
    return line[strspn(line, " \t\r\n")] == '\0';
}

bool peer_run(Peer *p, Diag *d, int64_t runs, double *seconds)
{
    char *line = arena_array(p->arena, (size_t)runs + 1, NUMBER_BYTES);
    int room = runs < INT_MAX / NUMBER_BYTES ? (int)(runs + 1) * NUMBER_BYTES : INT_MAX;
    if (p->pid == 0 || !request(p, runs) || fgets(line, room, p->answers) == NULL)
        return report_end(p, d);
    size_t n = strcspn(line, "\n");
    if (line[n] == '\0' && feof(p->answers))
        return report_end(p, d);
    bool whole = line[n] == '\n';
    line[n] = '\0';
    if (whole && parse_times(line, runs, seconds))
        return true;
    return diag_error(d,
                      "the peer \"%s\" answered \"%.60s\", not with milliseconds (%lld asked for)",
                      p->command, line, (long long)runs);
}
