/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On a terminal the lines that are not done, and the total below them, are drawn over what was
 * drawn before: up so many rows, and every row anew. Lines that are done stay among them as long as
 * there is room; else they are written once more, above, and the terminal scrolls them away.
 */
#include "client/meter.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/pause.h"
#include "proto/bounds.h"

#define LINES_MAX        (1024 * 1024)
#define STATE_MAX_BYTES  100
#define SCREEN_MAX_BYTES (1024 * 1024) /* a screen of 1,000 by 1,000 characters */
#define ROWS             24            /* where the terminal does not say */
#define COLUMNS          80
#define ROWS_MAX         1000
#define COLUMNS_MAX      1000
#define BAR_MAX          50    /* characters, as docker has it */
#define BAR_MIN          10    /* a shorter one says nothing */
#define SAMPLES          32    /* of the rate: some seconds of draws */
#define PLAIN_FIRST_MS   5000  /* a layer that takes longer is worth a line */
#define PLAIN_TOTAL_MS   30000 /* so that nobody takes us for dead */

struct line {
    char *name;
    char state[STATE_MAX_BYTES];
    int64_t current, total, since_ms; /* since_ms: of its first byte; 0: none was sent */
    bool is_done, is_told; /* is_told: for good, above what is drawn anew; or in the log */
};

struct sample {
    int64_t at_ms, sent;
};

struct meter {
    enum meter_style style;
    struct line *lines;
    size_t n_lines, n_told;         /* n_told: all before are */
    size_t n_rows;                  /* that were drawn, and are drawn over */
    int64_t sent;                   /* bytes that went out, those that went twice as well */
    struct sample samples[SAMPLES]; /* a ring */
    size_t n_samples;
    int64_t draw_at_ms, sample_at_ms;
    struct bytes frame; /* written with one call */
};

enum meter_style
meter_style_of(bool is_quiet, bool is_verbose)
{
    const char *term = getenv("TERM");

    if (is_quiet)
        return METER_QUIET;

    return !is_verbose && isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0
               ? METER_TERMINAL
               : METER_PLAIN;
}

enum rc
meter_new(struct meter **ret, enum meter_style style, struct why *why)
{
    struct meter *meter = calloc(1, sizeof *meter);
    if (!meter)
        return fail_memory(why);

    meter->style = style;
    meter->frame = BYTES_INIT(SCREEN_MAX_BYTES);
    meter->draw_at_ms = pause_clock_ms() + (style == METER_PLAIN ? PLAIN_TOTAL_MS : 0);
    *ret = meter;
    return RC_OK;
}

static void
sample(struct meter *meter, int64_t now_ms)
{
    meter->samples[meter->n_samples++ % SAMPLES] = (struct sample){now_ms, meter->sent};
    meter->sample_at_ms = now_ms + CREW_TICK_MS;
}

enum rc
meter_add(size_t *ret, struct meter *meter, const char *name, int64_t total, struct why *why)
{
    struct line *line = mem_grow(&meter->lines, meter->n_lines, sizeof *line, LINES_MAX);
    if (!line)
        return fail_memory(why);

    *line = (struct line){.state = "Waiting", .total = total};
    line->name = strdup(name);
    if (meter->n_samples == 0)
        sample(meter, pause_clock_ms());
    *ret = meter->n_lines++;
    return line->name ? RC_OK : fail_memory(why);
}

/* --- What lines say --- */

/* "999 B", "1.2 MB", as docker counts: by thousands. */
static void
put_size(struct bytes *out, int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t i = 0;

    for (; value >= 999.5 && i + 1 < N_ELEMENTS(units); i++)
        value /= 1000;
    bytes_printf(out, i > 0 && value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[i]);
}

static void
put_duration(struct bytes *out, int64_t s)
{
    if (s < 60)
        bytes_printf(out, "%" PRId64 " s", s);
    else if (s < 3600)
        bytes_printf(out, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else
        bytes_printf(out, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
}

/* "[=====>     ]" */
static void
put_bar(struct bytes *out, const struct line *line, size_t width)
{
    double part = (double)line->current / (double)line->total;
    size_t n = (size_t)(part * (double)width);

    bytes_putc(out, '[');
    for (size_t i = 0; i < width; i++)
        bytes_putc(out, i < n ? '=' : i == n ? '>' : ' ');
    bytes_puts(out, "] ");
}

/* columns: 0: as many as it takes, and no bar. */
static void
put_line(struct bytes *out, const struct line *line, size_t columns)
{
    closing(bytes_done) struct bytes amount = BYTES_INIT(64);
    size_t begin = out->len;
    bool has_amount = !line->is_done && line->current > 0 && line->total > 0;

    bytes_printf(out, "%s: %s", line->name, line->state);
    if (has_amount) {
        put_size(&amount, line->current);
        bytes_puts(&amount, columns > 0 ? "/" : " of ");
        put_size(&amount, line->total);
        bytes_putc(out, ' ');

        size_t used = out->len - begin + amount.len + strlen("[] ");
        if (columns > used + BAR_MIN)
            put_bar(out, line, columns - used < BAR_MAX ? columns - used : BAR_MAX);
        bytes_put(out, bytes_span(&amount));
    }
    if (columns > 0 && out->len - begin > columns)
        bytes_cut(out, begin + columns);
}

/* Bytes a second, over the last seconds; 0: not known yet. */
static int64_t
rate(const struct meter *meter)
{
    size_t n = meter->n_samples;

    if (n < 2)
        return 0;

    const struct sample *last = &meter->samples[(n - 1) % SAMPLES];
    const struct sample *first = &meter->samples[n > SAMPLES ? n % SAMPLES : 0];
    int64_t ms = last->at_ms - first->at_ms;

    return ms > 0 ? (last->sent - first->sent) * 1000 / ms : 0;
}

/* "total: 3 of 10 layers, 12.3 MB of 1.1 GB, 85 MB/s, 12 s left" */
static void
put_total(struct bytes *out, const struct meter *meter, size_t columns)
{
    size_t begin = out->len, n_done = 0;
    int64_t current = 0, total = 0, per_s = rate(meter);

    for (size_t i = 0; i < meter->n_lines; i++) {
        const struct line *line = &meter->lines[i];
        n_done += line->is_done;
        total += line->total;
        current += line->is_done ? line->total : line->current;
    }

    bytes_printf(out, "total: %zu of %zu, ", n_done, meter->n_lines);
    put_size(out, current);
    if (current < total) {
        bytes_puts(out, " of ");
        put_size(out, total);
    }
    if (current < total && per_s > 0) {
        bytes_puts(out, ", ");
        put_size(out, per_s);
        bytes_puts(out, "/s, ");
        put_duration(out, (total - current + per_s - 1) / per_s);
        bytes_puts(out, " left");
    }
    if (columns > 0 && out->len - begin > columns)
        bytes_cut(out, begin + columns);
}

/* --- How they get there --- */

/* Nobody is told if it cannot be written: the upload goes on. */
static void
flush(struct meter *meter)
{
    struct bytes *frame = &meter->frame;

    while (frame->len > 0) {
        ssize_t len = write(STDERR_FILENO, frame->p, frame->len);
        if (len <= 0)
            break;
        bytes_drop(frame, (size_t)len);
    }
    bytes_clear(frame);
}

/* A terminal that somebody has stopped by Ctrl-S would stop us as well, and Ctrl-C with us. */
static bool
is_writable(void)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT);
}

static void
get_screen(size_t *ret_rows, size_t *ret_columns)
{
    struct winsize size = {0};

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size))
        size = (struct winsize){0};
    *ret_rows = size.ws_row > 0 ? size.ws_row : ROWS;
    *ret_columns = size.ws_col > 0 ? size.ws_col : COLUMNS;
    if (*ret_rows > ROWS_MAX)
        *ret_rows = ROWS_MAX;
    if (*ret_columns > COLUMNS_MAX)
        *ret_columns = COLUMNS_MAX;
}

/* Rest of the row: nothing. */
static void
end_row(struct bytes *out)
{
    bytes_puts(out, "\033[K\n");
}

/* Over what was drawn before. */
static void
begin_frame(struct meter *meter)
{
    bytes_putc(&meter->frame, '\r');
    if (meter->n_rows > 0)
        bytes_printf(&meter->frame, "\033[%zuA", meter->n_rows);
    meter->n_rows = 0;
}

/* Lines that are done, for good, until the others have room. */
static void
put_told(struct meter *meter, size_t room, size_t columns)
{
    size_t n_left = 0;

    for (size_t i = meter->n_told; i < meter->n_lines; i++)
        n_left += !meter->lines[i].is_told;

    for (size_t i = meter->n_told; i < meter->n_lines && n_left > room; i++) {
        struct line *line = &meter->lines[i];
        if (!line->is_done || line->is_told)
            continue;

        put_line(&meter->frame, line, columns);
        end_row(&meter->frame);
        line->is_told = true;
        n_left--;
    }
    while (meter->n_told < meter->n_lines && meter->lines[meter->n_told].is_told)
        meter->n_told++;
}

/* Lines, as many as there is room for, and the total. */
static void
put_screen(struct meter *meter)
{
    size_t rows, columns;

    get_screen(&rows, &columns);
    size_t room = rows > 3 ? rows - 2 : 1; /* the total, and the row of the cursor */
    columns -= columns > 1;                /* some terminals wrap in the last one */
    put_told(meter, room, columns);
    for (size_t i = meter->n_told; i < meter->n_lines && meter->n_rows < room; i++)
        if (!meter->lines[i].is_told) {
            put_line(&meter->frame, &meter->lines[i], columns);
            end_row(&meter->frame);
            meter->n_rows++;
        }

    put_total(&meter->frame, meter, columns);
    end_row(&meter->frame);
    meter->n_rows++;
    bytes_puts(&meter->frame, "\033[J");
}

/* Whether there is anything to be drawn again. */
static bool
is_alive(const struct meter *meter)
{
    return meter->style == METER_TERMINAL && (meter->n_told < meter->n_lines || meter->n_rows > 0);
}

static void
draw_screen(struct meter *meter)
{
    if (!is_alive(meter) || !is_writable())
        return;

    begin_frame(meter);
    put_screen(meter);
    flush(meter);
}

static void
put_plain(struct meter *meter, const struct line *line)
{
    put_line(&meter->frame, line, 0);
    bytes_putc(&meter->frame, '\n');
    flush(meter);
}

void
meter_draw(struct meter *meter)
{
    int64_t now_ms = pause_clock_ms();

    if (meter->style == METER_QUIET || meter->n_lines == 0)
        return;

    if (now_ms >= meter->sample_at_ms)
        sample(meter, now_ms);
    if (now_ms < meter->draw_at_ms)
        return;

    meter->draw_at_ms = now_ms + (meter->style == METER_PLAIN ? PLAIN_TOTAL_MS : CREW_TICK_MS);
    if (meter->style == METER_TERMINAL) {
        draw_screen(meter);
        return;
    }

    if (meter->n_told < meter->n_lines) {
        put_total(&meter->frame, meter, 0);
        bytes_putc(&meter->frame, '\n');
        flush(meter);
    }
}

static void
set_state(struct line *line, const char *state)
{
    snprintf(line->state, sizeof line->state, "%s", state);
    for (char *c = line->state; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
}

void
meter_set(struct meter *meter, size_t i, const char *state, int64_t current, int64_t total)
{
    struct line *line = &meter->lines[i];
    int64_t now_ms = pause_clock_ms();

    set_state(line, state);
    line->total = total > 0 ? total : line->total;
    current = current < 0 ? 0 : current > line->total ? line->total : current;
    meter->sent += current > line->current ? current - line->current : 0;
    line->current = current;
    if (current > 0 && line->since_ms == 0)
        line->since_ms = now_ms;
    if (meter->style == METER_PLAIN && line->since_ms > 0 && !line->is_told &&
        now_ms - line->since_ms >= PLAIN_FIRST_MS) {
        line->is_told = true;
        put_plain(meter, line);
    }
}

void
meter_end(struct meter *meter, size_t i, const char *state)
{
    struct line *line = &meter->lines[i];

    set_state(line, state);
    line->is_done = true;
    if (meter->style == METER_PLAIN)
        put_plain(meter, line);
}

void
meter_note(struct meter *meter, const char *text)
{
    if (meter->style == METER_QUIET)
        return;

    if (is_alive(meter)) {
        begin_frame(meter);
        bytes_printf(&meter->frame, "countersign: %s", text);
        end_row(&meter->frame);
        put_screen(meter);
    } else {
        bytes_printf(&meter->frame, "countersign: %s\n", text);
    }
    flush(meter);
}

void
meter_settle(struct meter *meter)
{
    draw_screen(meter);
    for (; meter->n_told < meter->n_lines; meter->n_told++)
        meter->lines[meter->n_told].is_told = true;
    meter->n_rows = 0;
}

void
meter_free(struct meter *meter)
{
    if (!meter)
        return;

    meter_settle(meter);
    for (size_t i = 0; i < meter->n_lines; i++)
        free(meter->lines[i].name);
    free(meter->lines);
    bytes_done(&meter->frame);
    free(meter);
}
