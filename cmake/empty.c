/* A floor check links this with one whole room; it has no content of its own. */
typedef int pl_empty_translation_unit;
