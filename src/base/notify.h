/* notify.h - tells whoever supervises us how far we are.
 *
 * The protocol of sd_notify(3): lines "NAME=VALUE" in one datagram to the socket that the variable
 * NOTIFY_SOCKET names, a path or, with '@' in front, a name of the abstract space. Without the
 * variable nothing is sent.
 *
 * Errors   none: a supervisor that does not listen is not our matter.
 * Threads  free of state; the environment must not change meanwhile.
 */
#pragma once

/* "READY=1"; as printf has it. Returns whether it was sent. */
int notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* RELOADING=1 with the time that goes with it; a READY=1 ends it. */
int notify_reloading(void);
