/*
 * The response writer: one set of calls, JSON or XML behind it.
 *
 * JSON: a flat text without blanks. XML: root element, members as elements, a list is its member's element
 * repeated, an empty list is nothing (reference/gateway.md, section 7). Handlers write each answer once.
 * INVARIANT: every open is closed; at most PL_WRITER_DEPTH levels. Inside an array the name is ignored.
 */
#ifndef PL_JSON_WRITER_H
#define PL_JSON_WRITER_H

#include "json/tape.h"

enum { PL_WRITER_DEPTH = 64 };

typedef enum pl_format { PL_FORMAT_JSON, PL_FORMAT_XML } pl_format;

typedef struct pl_writer {
    pl_buf *out; /* not owned; its failure mark tells whether everything fitted */
    pl_format format;
    unsigned depth;
    struct {
        pl_str name;
        bool array;
        bool empty;
    } levels[PL_WRITER_DEPTH];
} pl_writer;

/* Starts a document; `root` names the XML root element. */
void pl_writer_begin(pl_writer *w, pl_buf *out, pl_format format, pl_str root);
void pl_writer_end(pl_writer *w);

/* Opens and closes an object or array; `name` is absent inside an array. */
void pl_write_object(pl_writer *w, pl_str name);
void pl_write_object_end(pl_writer *w);
void pl_write_array(pl_writer *w, pl_str name);
void pl_write_array_end(pl_writer *w);

/* Scalars. pl_write_string writes "" for an absent text; pl_write_optional leaves an absent text out. */
void pl_write_string(pl_writer *w, pl_str name, pl_str value);
void pl_write_optional(pl_writer *w, pl_str name, pl_str value);
void pl_write_i64(pl_writer *w, pl_str name, int64_t value);
void pl_write_bool(pl_writer *w, pl_str name, bool value);
void pl_write_double(pl_writer *w, pl_str name, double value);

/* A whole JSON value; in XML an object becomes elements, or JSON text when a key is not an XML name. */
void pl_write_json(pl_writer *w, pl_str name, pl_json value);

/*
 * Members as a writer of the same format appended them at this place, behind a member: bytes between the ends
 * of its output before and after.
 */
void pl_write_members(pl_writer *w, pl_str written);

#endif
