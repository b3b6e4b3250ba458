/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants four of the above first */
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ROWS_MAX    500 /* those that scrolled away as well */
#define COLUMNS_MAX 200

struct screen {
    int ours, before; /* our end, and the standard error that was */
    unsigned short n_rows, n_columns;
    char cells[ROWS_MAX][COLUMNS_MAX];
    size_t row, column, top; /* top: the first row that is still on the screen */
    char text[ROWS_MAX * (COLUMNS_MAX + 1) + 1];
};

void
screen_resize(struct screen *screen, unsigned short rows, unsigned short columns)
{
    const struct winsize size = {.ws_row = rows, .ws_col = columns};

    assert_true(rows < ROWS_MAX && columns <= COLUMNS_MAX);
    assert_int_equal(ioctl(screen->ours, TIOCSWINSZ, &size), 0);
    screen->n_rows = rows;
    screen->n_columns = columns;
}

struct screen *
screen_new(unsigned short rows, unsigned short columns)
{
    struct screen *screen = calloc(1, sizeof *screen);
    struct termios settings;

    assert_non_null(screen);
    screen->ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(screen->ours >= 0 && !grantpt(screen->ours) && !unlockpt(screen->ours));
    int theirs = open(ptsname(screen->ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_int_equal(tcgetattr(theirs, &settings), 0);
    screen->before = dup(STDERR_FILENO);
    assert_true(dup2(theirs, STDERR_FILENO) == STDERR_FILENO);
    close(theirs);
    memset(screen->cells, ' ', sizeof screen->cells);
    screen_resize(screen, rows, columns);
    return screen;
}

void
screen_free(struct screen *screen)
{
    dup2(screen->before, STDERR_FILENO);
    close(screen->before);
    close(screen->ours);
    free(screen);
}

static void
next_row(struct screen *screen)
{
    screen->row++;
    assert_true(screen->row < ROWS_MAX);
    if (screen->row >= screen->top + screen->n_rows)
        screen->top = screen->row - screen->n_rows + 1;
}

/* After ESC '['; returns how many bytes it has. */
static size_t
control(struct screen *screen, const char *text)
{
    char *end;
    size_t n = strtoul(text, &end, 10);

    switch (*end) {
    case 'A':
        screen->row = screen->row >= screen->top + n ? screen->row - n : screen->top;
        break;
    case 'K':
        memset(&screen->cells[screen->row][screen->column], ' ', COLUMNS_MAX - screen->column);
        break;
    case 'J':
        memset(&screen->cells[screen->row][screen->column], ' ', COLUMNS_MAX - screen->column);
        memset(screen->cells[screen->row + 1], ' ', (ROWS_MAX - screen->row - 1) * COLUMNS_MAX);
        break;
    default:
        fail_msg("what is ESC [ %s?", text);
    }

    return (size_t)(end - text) + 1;
}

static void
show(struct screen *screen, char c)
{
    assert_true(c >= 0x20 && c <= 0x7e);
    if (screen->column == screen->n_columns) {
        next_row(screen);
        screen->column = 0;
    }
    screen->cells[screen->row][screen->column++] = c;
}

static void
take(struct screen *screen, const char *text)
{
    while (*text) {
        char c = *text++;
        if (c == '\r')
            screen->column = 0;
        else if (c == '\n')
            next_row(screen);
        else if (c == '\033' && *text == '[')
            text += 1 + control(screen, text + 1);
        else
            show(screen, c);
    }
}

static void
catch_up(struct screen *screen)
{
    struct pollfd ready = {.fd = screen->ours, .events = POLLIN};
    static char text[64 * 1024];
    size_t len = 0;

    while (poll(&ready, 1, 0) == 1) { /* a sequence may come in two parts */
        ssize_t n = read(screen->ours, text + len, sizeof text - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
    }
    text[len] = '\0';
    take(screen, text);
}

const char *
screen_text(struct screen *screen)
{
    char *out = screen->text;

    catch_up(screen);
    for (size_t row = 0; row <= screen->row; row++) {
        size_t len = COLUMNS_MAX;
        while (len > 0 && screen->cells[row][len - 1] == ' ')
            len--;
        memcpy(out, screen->cells[row], len);
        out += len;
        *out++ = '\n';
    }
    *out = '\0';
    return screen->text;
}

void
screen_check(struct screen *screen, const char *want)
{
    if (!strcmp(screen_text(screen), want))
        return;

    dup2(screen->before, STDERR_FILENO); /* where people read what has failed */
    assert_string_equal(screen->text, want);
}

size_t
screen_row(struct screen *screen)
{
    catch_up(screen);
    return screen->row;
}
