/* command_client.h - has the server that owns a data folder carry out a command.
 *
 * The protocol, over DIR/ragd.sock:
 *
 *   POST /-/command HTTP/1.0, Content-Type: application/json, Content-Length: N
 *   {"argv":["ingest","--json","docs"],"cwd":"/home/me","terminal":true}
 *
 * argv are the words of struct command_call. A refusal is a problem+json as elsewhere; else status
 * 200, application/x-ragd-frames, and frames until the connection ends:
 *
 *   offset size
 *   0      1    'o' standard output, 'e' standard error, 'x' the end
 *   1      4    n, big-endian, at most COMMAND_FRAME_MAX
 *   5      n    bytes as printed; 'x': the exit code, 4 bytes big-endian
 *
 * The 'x' frame is the last. A connection that ends without one means that the server stopped.
 * Closing the connection, or shutting its sending side, cancels the command; in the second case its
 * last frames still come.
 *
 * Threads  confined; blocks.
 */
#pragma once
#include "server/server.h"

#define COMMAND_FRAME_HEAD 5
#define COMMAND_FRAME_MAX  (1u << 20)
#define COMMAND_MEDIA      "application/x-ragd-frames"

/* When *call->cancelled (NULL: never) turns true, the command is cancelled and its end waited for.
 * Sends call's words, folder and terminal, and copies what comes back to call->out and call->err.
 * ERR_NOT_FOUND when nobody listens there; ERR_UNAVAILABLE with the server's reason when it
 * refuses; ERR_IO when it ends before the command has. */
int command_forward(const char *data_dir, const struct command_call *call, int *exit_code);
