#include "engine/config_text.h"

void config_text_print(const char *text, struct buf *out)
{
    buf_add_char(out, '"');
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_addf(out, "\\x%02x", c);
        else
            buf_add_char(out, *p);
    }
    buf_add_char(out, '"');
}
