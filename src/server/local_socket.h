/* local_socket.h - DIR/ragd.sock: where the owner of a data folder listens for its user's commands.
 *
 * The address of such a socket holds 107 bytes of path; a longer one goes through the folder's
 * descriptor (/proc/self/fd/N/ragd.sock).
 *
 * Threads  local_socket_listen changes the process's umask for a moment: before threads that make
 *          files are running.
 */
#pragma once

#define LOCAL_SOCKET_NAME "ragd.sock"

/* A bound, not yet listening socket, 0600, in place of a file that is there: the caller holds the
 * folder's lock, so whoever made that has died. Returns the descriptor or ERR_IO. */
int local_socket_bind(const char *data_dir);

/* Returns the descriptor; ERR_NOT_FOUND when nobody listens there. */
int local_socket_connect(const char *data_dir);

void local_socket_remove(const char *data_dir);
