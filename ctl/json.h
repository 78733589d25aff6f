/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Answers as JSON.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include "common/control.h"
#include "ctl/answer.h"

/*
 * The answer as one JSON text:
 *   SHAPE_WORDS   { "answer": [ line ... ] }
 *   SHAPE_KEYS    { "Name": "Mailreeve", "Pid": 812 ... }
 *   SHAPE_STATE   { "version": 1, "servers": [ { "be_id": 1, "be_name": "dovecot" ... } ... ] }
 *   SHAPE_TABLE   [ { column: value ... } ... ]
 *   SHAPE_STATUS  { "status": 0 to 2, "text": first line, "rows": as SHAPE_TABLE }
 * Values that are whole numbers become numbers, and `-` alone becomes null.  Bytes that are not
 * UTF-8 become `?`.  Returns the text (free), or NULL where the answer has not this shape.
 */
char *json_answer(enum control_shape shape, const struct answer *a);

/* { "error": why } */
char *json_error(const char *why);

#endif
