/* schema.h - the tables of ragd.db, and how an older file becomes a newer one.
 *
 * The version is SQLite's user_version; application_id says that the file is ours. A migration
 * runs in one transaction with its new version number, so a crash leaves the old or the new.
 */
#pragma once
#include "store/db.h"

/* Makes the tables in an empty file, or brings older ones up to STORE_SCHEMA_VERSION.
 * ERR_UNSUPPORTED for a newer file, ERR_FORMAT for a database of another program. */
int schema_migrate(struct db *db);
