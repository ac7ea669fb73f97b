/* main.c - the program: a command, or the child that reads files of others. */
#include <string.h>

#include "cli/command.h"
#include "extract/extract.h"

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--extract-helper") == 0)
        return extract_helper_main();
    return command_main(argc, argv);
}
