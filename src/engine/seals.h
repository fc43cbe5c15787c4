/*
 * Inside the engine room: seals. A seal says that the stored results of a rule over a page of kept columns
 * are what the rule says of the page's records, by a digest of all of that. A run that finds the same digest
 * need not read those results to know that nothing is to be written.
 *
 * INVARIANT: a seal tells the truth about every record of its page that has no mark (engine/kept.h). So
 * whoever writes a result outside of a run marks its resource in the same transaction, unless the rule is a
 * function's, and a run that writes results of a rule leaves a new seal of the page or none. A result that is
 * ignored, or that is later than the run, keeps the page from being sealed.
 *
 * Owns the table kept_results (migration 0028).
 */
#ifndef ENGINE_SEALS_H
#define ENGINE_SEALS_H

#include "engine/run.h"

/* What a rule says of a record, or of all records with the same values. */
void engine_seal_hash(bool covered, engine_compliance compliance, pl_str annotation, uint64_t out[2]);

/* Adds what it says of one record; the order in which records come is of no concern. */
void engine_seal_add(uint64_t digest[2], int64_t resource_key, const uint64_t hash[2]);

/* Digests of a batch that a page was just made of, from what was found. */
void engine_seal_batch(engine_batch *batch, int64_t page);

/* Tells which rules of the batch are sealed with what was found; when any is, also which items are marked. */
int engine_seals_check(const engine_run *run, store_session *session, engine_batch *batch, pl_error *error);

/*
 * Breaks the seals of the pages that lie in the batch's range or reach into it. To be done before a page is
 * stored there: its marks go then, also those that other rules' seals rely on.
 */
int engine_seals_break(const engine_run *run, store_session *session, const engine_batch *batch,
                       pl_error *error);

/* Seals what has just been written, inside the transaction that wrote it, and breaks what holds no more. */
int engine_seals_write(const engine_run *run, store_session *session, const engine_batch *batch,
                       pl_error *error);

#endif
