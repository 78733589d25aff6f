/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* The programs that children are made of. */
#ifndef MASTER_HOST_HELPER_H
#define MASTER_HOST_HELPER_H

enum helper { HELPER_WORKER, HELPER_CHECKER, HELPER_KEEPER, HELPER_COUNT };

#endif
