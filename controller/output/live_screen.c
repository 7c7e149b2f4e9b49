/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/live_screen.h"

#include <unistd.h>

#if HAVE_NCURSESW
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <fcntl.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <term.h>
#include <termios.h>
#include <wchar.h>

#include "fleet/interrupt.h"
#include "mem.h"

enum { PLACES_MAX = 1024, KEYS_F = 10, BAD_PAIR = 1 };

/* What a handler of signals needs to give the terminal back. */
static struct {
    volatile sig_atomic_t taken;
    int input, messages, error; /* descriptors; messages and error -1: nothing is held back */
    struct termios before;
    char leave[256]; /* escape sequences */
    size_t length;
} terminal;

static FILE *input_file;
static SCREEN *screen;
static off_t message_seen;

bool live_screen_possible(struct fail *fail)
{
    int known = 0;
    const char *term = getenv("TERM");
    if (!isatty(STDOUT_FILENO))
        return fail_set(fail, 0, "--live needs a terminal as standard output");
    if (!term || !*term || setupterm(NULL, STDOUT_FILENO, &known) != OK || known != 1)
        return fail_set(fail, 0,
                        "--live does not know the terminal type '%.32s'; set TERM to the "
                        "terminal's type",
                        term ? term : "");
    const char *move = tigetstr("cup");
    bool can = move && move != (char *)-1;
    del_curterm(cur_term);
    return can || fail_set(fail, 0,
                           "--live needs a terminal whose cursor can be moved; TERM is "
                           "'%.32s'",
                           term);
}

/* Writes what was held back; signal-safe. */
static void release_messages(void)
{
    char piece[512];
    off_t at = 0;
    ssize_t length;
    if (terminal.messages < 0)
        return;
    dup2(terminal.error, STDERR_FILENO);
    while ((length = pread(terminal.messages, piece, sizeof piece, at)) > 0) {
        at += length;
        if (write(STDERR_FILENO, piece, (size_t)length) < 0)
            return;
    }
}

/* In a handler, or at exit. */
static void restore(void)
{
    if (!terminal.taken)
        return;
    terminal.taken = 0;
    (void)!write(STDOUT_FILENO, terminal.leave, terminal.length);
    tcsetattr(terminal.input, TCSANOW, &terminal.before);
    release_messages();
}

static void on_fatal(int number)
{
    restore();
    raise(number); /* its default is in force again */
}

static void catch_fatal(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT, SIGTRAP};
    struct sigaction action = {.sa_handler = on_fatal,
                               .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)},
                     before;
    for (size_t i = 0; i < COUNT(fatal); i++)
        if (!sigaction(fatal[i], NULL, &before) && before.sa_handler == SIG_DFL)
            sigaction(fatal[i], &action, NULL);
}

static void note_sequences(void)
{
    static const char *const names[] = {"sgr0", "rmkx", "cnorm", "rmcup"};
    terminal.length = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *text = tigetstr(names[i]);
        size_t length = text && text != (char *)-1 ? strlen(text) : 0;
        if (terminal.length + length > sizeof terminal.leave)
            continue;
        memcpy(terminal.leave + terminal.length, text, length);
        terminal.length += length;
    }
}

static void hold_messages(void)
{
    terminal.messages = terminal.error = -1;
    message_seen = 0;
    if (!isatty(STDERR_FILENO))
        return;
    fflush(stderr);
    int held = memfd_create("flowrig-messages", MFD_CLOEXEC);
    int error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (held < 0 || error < 0 || dup2(held, STDERR_FILENO) < 0) {
        if (held >= 0)
            close(held);
        if (error >= 0)
            close(error);
        return;
    }
    terminal.messages = held;
    terminal.error = error;
}

/* Keys come from the terminal even where standard input is something else. */
static FILE *open_input(void)
{
    return isatty(STDIN_FILENO)
               ? fdopen(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), "r")
               : fopen("/dev/tty", "re");
}

static void set_up_curses(void)
{
    const char *no_colour = getenv("NO_COLOR");
    cbreak(); /* Ctrl-C keeps its meaning */
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(50);
    if (!(no_colour && *no_colour) && has_colors() && start_color() == OK) {
        use_default_colors();
        init_pair(BAD_PAIR, COLOR_RED, -1);
    }
}

bool live_screen_open(void)
{
    static bool registered;
    setlocale(LC_CTYPE, "");
    input_file = open_input();
    if (!input_file)
        return false;
    terminal.input = fileno(input_file);
    if (tcgetattr(terminal.input, &terminal.before) ||
        !(screen = newterm(NULL, stdout, input_file))) {
        fclose(input_file);
        return false;
    }
    note_sequences();
    hold_messages();
    terminal.taken = 1;
    interrupt_set_cleanup(restore);
    catch_fatal();
    if (!registered)
        atexit(restore);
    registered = true;
    set_up_curses();
    return true;
}

static int translate(wint_t key)
{
    static const struct {
        wint_t curses;
        int key;
    } keys[] = {
        {KEY_UP, LIVE_KEY_UP},         {KEY_DOWN, LIVE_KEY_DOWN},
        {KEY_PPAGE, LIVE_KEY_PAGE_UP}, {KEY_NPAGE, LIVE_KEY_PAGE_DOWN},
        {KEY_HOME, LIVE_KEY_HOME},     {KEY_END, LIVE_KEY_END},
        {KEY_ENTER, LIVE_KEY_ENTER},   {KEY_BACKSPACE, LIVE_KEY_ERASE},
        {KEY_RESIZE, LIVE_KEY_RESIZE},
    };
    for (size_t i = 0; i < COUNT(keys); i++)
        if (keys[i].curses == key)
            return keys[i].key;
    if (key >= (wint_t)KEY_F(1) && key <= (wint_t)KEY_F(KEYS_F))
        return LIVE_KEY_F1 + (int)(key - (wint_t)KEY_F(1));
    return LIVE_KEY_NONE;
}

int live_screen_key(void)
{
    wint_t key;
    int kind = get_wch(&key);
    if (kind == KEY_CODE_YES)
        return translate(key);
    if (kind == ERR)
        return LIVE_KEY_NONE;
    return key == '\r' || key == '\n' ? LIVE_KEY_ENTER
           : key == 27                ? LIVE_KEY_ESCAPE
           : key == 8 || key == 127   ? LIVE_KEY_ERASE
                                      : (int)key;
}

/* As much of the text as fits, in wide characters; what the locale can't show is '?'. */
static void widen(wchar_t to[PLACES_MAX], const char *text, int width)
{
    mbstate_t state = {0};
    size_t count = 0;
    int used = 0;
    while (*text && count < PLACES_MAX - 1) {
        wchar_t one;
        size_t length = mbrtowc(&one, text, strlen(text), &state);
        int places = length > MB_LEN_MAX ? -1 : wcwidth(one);
        if (places < 0) {
            state = (mbstate_t){0};
            one = L'?';
            places = 1;
            length = length > MB_LEN_MAX ? 1 : length;
        }
        if (used + places > width)
            break;
        to[count++] = one;
        used += places;
        text += length;
    }
    to[count] = L'\0';
}

static void put(void *context, int y, int x, int width, const char *text, unsigned style)
{
    wchar_t wide[PLACES_MAX];
    attr_t attributes = (style & LIVE_BOLD ? A_BOLD : 0) | (style & LIVE_REVERSE ? A_REVERSE : 0);
    (void)context;
    if (y < 0 || y >= LINES || x < 0 || x >= COLS)
        return;
    widen(wide, text, width);
    attr_set(attributes, style & LIVE_BAD && has_colors() ? BAD_PAIR : 0, NULL);
    if (!*text && style & LIVE_REVERSE)
        mvhline(y, x, ' ' | A_REVERSE, width);
    else
        mvaddwstr(y, x, wide);
    attr_set(A_NORMAL, 0, NULL);
}

struct live_canvas live_screen_begin(void)
{
    erase();
    return (struct live_canvas){.width = COLS,
                                .height = LINES,
                                .blocks = !strcmp(nl_langinfo(CODESET), "UTF-8"),
                                .put = put};
}

void live_screen_show(void)
{
    refresh();
}

void live_screen_message(char *text, size_t size)
{
    char piece[1024];
    *text = '\0';
    off_t end = terminal.messages < 0 ? 0 : lseek(terminal.messages, 0, SEEK_END);
    if (end <= message_seen)
        return;
    off_t from = end > (off_t)sizeof piece - 1 ? end - (off_t)sizeof piece + 1 : 0;
    ssize_t length = pread(terminal.messages, piece, sizeof piece - 1, from);
    message_seen = end;
    if (length <= 0)
        return;
    while (length && piece[length - 1] == '\n')
        length--;
    piece[length] = '\0';
    char *line = strrchr(piece, '\n');
    snprintf(text, size, "%s", line ? line + 1 : piece);
}

void live_screen_close(void)
{
    if (!terminal.taken)
        return;
    endwin();
    terminal.taken = 0;
    interrupt_set_cleanup(NULL);
    tcsetattr(terminal.input, TCSANOW, &terminal.before);
    release_messages();
    delscreen(screen);
    fclose(input_file);
    if (terminal.messages >= 0) {
        close(terminal.messages);
        close(terminal.error);
    }
}

#else

bool live_screen_possible(struct fail *fail)
{
    return fail_set(fail, 0, "this flowctl was built without ncursesw, which --live needs");
}

bool live_screen_open(void)
{
    return false;
}

int live_screen_key(void)
{
    return LIVE_KEY_NONE;
}

struct live_canvas live_screen_begin(void)
{
    return (struct live_canvas){0};
}

void live_screen_show(void)
{
}

void live_screen_message(char *text, size_t size)
{
    if (size)
        *text = '\0';
}

void live_screen_close(void)
{
}

#endif
