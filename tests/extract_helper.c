/* The extraction helper alone, for tests that run without the ragd program. */
#include "extract/extract.h"

int main(void)
{
    return extract_helper_main();
}
