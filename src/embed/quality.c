#include "embed/quality.h"

#include "base/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "embed/pooling.h"
#include "simd/simd.h"

/* A text is cut here: longer ones average more tokens and differ less. */
#define TOKENS_MAX 256

/* What people ask and what documents say: questions, search phrases, sentences, figures, names,
 * code, tables, lists, other languages and scripts.
 *
 * No single words and no pleasantries: with three to five tokens there is little to average, and in
 * int8 all-MiniLM-L6-v2 gives "?" 0.993 and "Thank you!" 0.985, where the least of 1,465 questions
 * of three retrieval sets is 0.9975. The smallest cosine would be about them alone. */
static const char *const texts[] = {
    "quarterly revenue",
    "reset a forgotten password",
    "symptoms of the flu",
    "net interest margin 2023",
    "What is the capital of Australia?",
    "how do I cancel my subscription",
    "Who wrote the report on water quality, and when?",
    "Why does bread rise?",
    "best way to learn the violin as an adult",
    "error: undefined reference to `main'",
    "Which countries border the Black Sea?",
    "difference between a virus and a bacterium",
    "Is the warranty void if I open the case?",
    "maximum dose paracetamol adult per day",
    "The meeting was moved to Thursday at half past three.",
    "She did not say that he stole the money.",
    "He said that she did not steal the money.",
    "Shares fell 4.2% to $31.07 after the company cut its outlook.",
    "Total assets were 1,204.6 million at 31 December 2022, compared with 1,187.9 million a year "
    "before.",
    "The recipe asks for two eggs, a cup of flour and a pinch of salt.",
    "Mount Everest is 8,849 metres high.",
    "Water boils at a lower temperature at high altitude because the air pressure is lower.",
    "for (int i = 0; i < n; i++) sum += a[i] * b[i];",
    "SELECT name, COUNT(*) FROM orders WHERE total > 100 GROUP BY name;",
    "https://www.example.org/docs/index.html?lang=en#install",
    "Dear Ms Alvarez, please find attached the signed contract.",
    "NOTICE: THIS DOOR IS ALARMED. USE ONLY IN AN EMERGENCY.",
    "Wo finde ich die Bedienungsanleitung?",
    "Die Sitzung wurde auf Donnerstag verschoben, weil der Vorsitzende krank ist.",
    "Le chat dort sur le canapé pendant que la pluie tombe.",
    "¿Cuánto cuesta un billete de ida y vuelta a Sevilla?",
    "La bibliotheca è chiusa il lunedì mattina.",
    "Hvor mange mennesker bor i Oslo?",
    "Сколько стоит билет до Москвы?",
    "東京の天気はどうですか。",
    "مرحبا بالعالم",
    "서울에서 부산까지 기차로 얼마나 걸립니까?",
    "Koliko je stanovnika imao grad 1910. godine?",
    "When did the first railway across the mountains open?",
    "chairs that are good for a bad back",
    "The library holds about 310,000 volumes and lends most of them free of charge.",
    "After the merger the two departments shared one building, one budget and one printer.",
    "how long does a passport application take",
    "The engine must not be started while the cover is open.",
    "E = mc^2, and F = ma.",
    "10:15 boarding | gate B7 | seat 22F | LH 1034",
    "1. Unplug the device. 2. Wait ten seconds. 3. Plug it in again.",
    "\"To be, or not to be\" is spoken in the third act.",
    "A patient with chest pain, shortness of breath and an elevated troponin should be admitted.",
    "The defendant's motion to dismiss is denied; the parties shall confer within 14 days.",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
    "Our services may be interrupted by events beyond our control, such as fires, floods, strikes, "
    "or failures of suppliers, and we may be unable to recover the losses that result from them.",
    "In the nine months ended 30 September, operating expenses rose by 11 percent, mainly because "
    "of higher salaries and the cost of moving three data centres; excluding these, they would "
    "have "
    "been flat.",
    "The old lighthouse keeper climbed the stairs every evening, lit the lamp, and wrote down the "
    "wind, the height of the waves and the names of the ships that passed before midnight.",
    "To install the program, unpack the archive, change into the new folder and run the setup "
    "script as an ordinary user. It asks where the data should lie and how much memory may be "
    "used. "
    "Nothing outside that folder is changed, and removing the folder removes the program.",
    "The treaty of 1648 ended a war of thirty years that had begun over religion and become a "
    "struggle between dynasties. Whole regions had lost a third of their people. It gave the "
    "princes "
    "the right to choose the faith of their lands, and drew borders many of which held for a "
    "century and a half.",
    "We are exposed to credit risk from loans, trading and settlement. A counterparty may fail to "
    "pay because of bankruptcy, lack of liquidity or operational failure. Although we hold "
    "collateral and review our exposures regularly, the amounts that we can recover may be less "
    "than expected, in particular when markets fall quickly and many sell the same assets.",
    "Bees find their way by the sun and by the pattern of polarised light in the sky. A forager "
    "that has found a good meadow returns to the hive and dances: the angle of her run tells the "
    "direction, its length the distance. Others follow her in the dark, feeling her movements, and "
    "fly out to the place that none of them has seen.",
    "Function `open` returns a handle or a negative error. The caller owns the handle and must "
    "give "
    "it back with `close`. Handles may be shared between threads once they are open; closing one "
    "that is in use is a programming error and stops the process. Limits: 4,096 handles, 1 MiB of "
    "name, paths are UTF-8. Example: h = open(\"a.txt\", READ); if (h < 0) return h;",
    "Preheat the oven to 220 degrees. Slice the aubergines, salt them and leave them for half an "
    "hour, then dry them and fry them in olive oil until they are golden. Simmer tomatoes, garlic "
    "and basil for twenty minutes. Put the slices, the sauce and the cheese into a dish in layers, "
    "ending with cheese, and bake it for thirty minutes. Let it rest before it is cut.",
    "Average daily volume was 18.4 million contracts (2021: 16.1), revenue per contract 0.652 "
    "(0.671), and the operating margin 61.3% (59.8%). The board proposes a dividend of 1.10 a "
    "share. "
    "Capital expenditure of 85 to 95 million is planned; the tax rate should be between 22.5% and "
    "23.5%. These figures do not include the acquisition announced in March, which is expected to "
    "close in the fourth quarter and to add about 3% to earnings in its second full year.",
    "It rained for three days. On the fourth the river came over the bank, slowly at first, then "
    "all at once, and took the footbridge and the lower garden. Nobody was hurt. In the evening "
    "the "
    "neighbours stood on the road with lamps and watched the water turn in the hollow where the "
    "orchard had been, and someone had brought soup, and someone a radio, and by midnight it was "
    "almost a feast.",
    "Ordinance 12-4: No person shall park a vehicle on the north side of Mill Street between 7 "
    "a.m. "
    "and 9 a.m. on school days. Exceptions: (a) vehicles of the fire department; (b) delivery of "
    "medical supplies; (c) residents with a permit under section 3. Penalty: $45 for the first and "
    "$90 for each further violation within twelve months.",
    "Name: J. Okafor; born 1987-03-02; blood group 0+; allergies: penicillin, latex; medication: "
    "metformin 500 mg twice daily; last visit: 14 May; next: in six months.",
};
enum { N_TEXTS = sizeof texts / sizeof *texts };

struct measure {
    const struct wordpiece *tokenizer;
    struct bert_call call;
    size_t cap; /* tokens */
    bool cls_pooling;
    struct token *tokens; /* [cap] */
    int32_t *ids;         /* [cap] */
};

/* The vector of m->ids; bert_encode's rows are gone when it is called again. */
static int embed_ids(const struct measure *m, const struct bert *b, size_t n, void *scratch,
                     float *out)
{
    uint32_t length = (uint32_t)n;
    const float *rows = bert_encode(b, &m->call, m->ids, &length, 1, scratch);

    if (!pool_mean(m->call.kernels, rows, m->cls_pooling ? 1 : n, bert_config(b)->hidden, out))
        return FAIL(ERR_FORMAT,
                    "the weights give a vector that is zero or not finite; they are damaged");
    return ERR_OK;
}

static int measure_all(struct measure *m, const struct bert *exact, const struct bert *b,
                       struct quality *out)
{
    int rc = ERR_OK;
    size_t dim = bert_config(b)->hidden;
    void *scratch_exact = mem_alloc_aligned(bert_scratch_bytes(exact, m->cap, m->cap));
    void *scratch = mem_alloc_aligned(bert_scratch_bytes(b, m->cap, m->cap));
    float *want = mem_calloc(2 * dim, sizeof *want), *got = want + dim;
    double sum = 0, smallest = 1;

    for (size_t i = 0; i < N_TEXTS; i++) {
        size_t n = wordpiece_encode(m->tokenizer, str_of(texts[i]), m->tokens, m->cap, NULL);
        double cosine;

        for (size_t j = 0; j < n; j++)
            m->ids[j] = m->tokens[j].id;
        TRY(embed_ids(m, exact, n, scratch_exact, want));
        TRY(embed_ids(m, b, n, scratch, got));
        cosine = m->call.kernels->dot(want, got, dim); /* both have length 1 */
        sum += cosine;
        smallest = cosine < smallest ? cosine : smallest;
    }
    *out = (struct quality){N_TEXTS, (float)(sum / N_TEXTS), (float)smallest};
out:
    mem_free(scratch_exact);
    mem_free(scratch);
    mem_free(want);
    return rc;
}

/* By the best kernels here, whichever are chosen: levels agree, and plain C takes a minute. */
int quality_measure(struct quality *out, const struct bert *exact, const struct bert *b,
                    const struct wordpiece *tokenizer, bool cls_pooling)
{
    size_t n_positions = bert_config(b)->n_positions;
    struct measure m = {.tokenizer = tokenizer,
                        .call.kernels = simd_level(cpu_best_level()),
                        .cap = n_positions < TOKENS_MAX ? n_positions : TOKENS_MAX,
                        .cls_pooling = cls_pooling};
    int rc;

    m.tokens = mem_calloc(m.cap, sizeof *m.tokens);
    m.ids = mem_calloc(m.cap, sizeof *m.ids);
    rc = measure_all(&m, exact, b, out);
    mem_free(m.tokens);
    mem_free(m.ids);
    return rc;
}
