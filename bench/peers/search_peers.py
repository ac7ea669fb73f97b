"""The peers of `make bench-search`, set up as their own guides say is fastest, on one thread.

Vectors, unit length, f32 [n, dim] as they lie in a file:

    engine.build(base, n_threads)          the only call that may use more threads than one
    engine.search(queries, k, ef)          rows [n_queries, k]; all queries in one call, so that
                                           the peer's Python is paid once
    engine.search_allowed(queries, k, ef)  the same among the rows given to engine.allow(bytes [n])
    engine.save(path), engine.open(path)

Words: engine.build(texts); engine.search(questions) of one or more questions, from text to rows.
"""
import functools
import re

import numpy as np

M, EF_CONSTRUCTION = 16, 200  # layer 0 has 2 M neighbours in all of these
K1, B = 1.2, 0.75


class Hnswlib:
    """Filters are called back in Python: its wheel has no other way."""

    def __init__(self):
        import hnswlib

        self.lib, self.version = hnswlib, "hnswlib M %d, efConstruction %d" % (M, EF_CONSTRUCTION)

    def build(self, base, n_threads):
        self.dim = base.shape[1]
        self.index = self.lib.Index(space="ip", dim=self.dim)
        self.index.init_index(max_elements=len(base), M=M, ef_construction=EF_CONSTRUCTION, random_seed=100)
        self.index.add_items(base, num_threads=n_threads)

    def search(self, queries, k, ef):
        self.index.set_ef(ef)
        return self.index.knn_query(queries, k=k, num_threads=1)[0]

    def allow(self, allowed):
        self.allowed = allowed.tobytes()

    def search_allowed(self, queries, k, ef):
        self.index.set_ef(ef)
        return self.index.knn_query(queries, k=k, num_threads=1, filter=self.allowed.__getitem__)[0]

    def save(self, path):
        self.index.save_index(path)

    def open(self, path):
        index = self.lib.Index(space="ip", dim=self.dim)
        index.load_index(path)


class Faiss:
    """HNSW over f32 or over one byte a component (SQ8)."""

    def __init__(self, bytes_only=False):
        import faiss

        self.lib, self.bytes_only = faiss, bytes_only
        self.version = "faiss %s, HNSW%d %s, efConstruction %d" % (
            faiss.__version__, M, "SQ8" if bytes_only else "f32", EF_CONSTRUCTION)

    def build(self, base, n_threads):
        faiss = self.lib
        faiss.omp_set_num_threads(n_threads)
        if self.bytes_only:
            self.index = faiss.IndexHNSWSQ(base.shape[1], faiss.ScalarQuantizer.QT_8bit, M,
                                           faiss.METRIC_INNER_PRODUCT)
            self.index.train(base)
        else:
            self.index = faiss.IndexHNSWFlat(base.shape[1], M, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION
        self.index.add(base)
        faiss.omp_set_num_threads(1)

    def search(self, queries, k, ef):
        return self.index.search(queries, k, params=self.lib.SearchParametersHNSW(efSearch=ef))[1]

    def allow(self, allowed):
        self.bits = np.packbits(allowed, bitorder="little")
        self.selector = self.lib.IDSelectorBitmap(len(allowed), self.lib.swig_ptr(self.bits))

    def search_allowed(self, queries, k, ef):
        how = self.lib.SearchParametersHNSW(efSearch=ef, sel=self.selector)
        return self.index.search(queries, k, params=how)[1]

    def save(self, path):
        self.lib.write_index(self.index, path)

    def open(self, path):
        self.lib.read_index(path)


class Usearch:
    """One byte a component. It has no filter in Python."""

    def __init__(self):
        import usearch
        import usearch.index

        self.lib = usearch.index
        self.version = "USearch %s i8, connectivity %d, expansion %d" % (usearch.__version__, M, EF_CONSTRUCTION)

    def build(self, base, n_threads):
        self.index = self.lib.Index(ndim=base.shape[1], metric="cos", dtype="i8", connectivity=M,
                                    expansion_add=EF_CONSTRUCTION)
        self.index.add(np.arange(len(base)), base, threads=n_threads)

    def search(self, queries, k, ef):
        self.index.expansion_search = ef
        return self.index.search(queries, k, threads=1).keys

    def save(self, path):
        self.index.save(path)

    def open(self, path):
        self.lib.Index.restore(path, view=True)


class Bm25s:
    """Numba; its own tokenizer, English stop words, Snowball's stemmer."""

    def __init__(self):
        import bm25s
        import Stemmer

        self.lib, self.version = bm25s, "bm25s %s, numba" % bm25s.__version__
        self.tokenize = functools.partial(bm25s.tokenize, stopwords="en", stemmer=Stemmer.Stemmer("english"),
                                          show_progress=False)

    def build(self, texts):
        self.index = self.lib.BM25(method="lucene", k1=K1, b=B, backend="numba")
        self.index.index(self.tokenize(texts), show_progress=False)

    def search(self, questions):
        tokens = self.tokenize(questions)
        return self.index.retrieve(tokens, k=10, show_progress=False, n_threads=1, return_as="documents")


class Tantivy:
    """One segment, so that its document numbers are the rows; questions go one by one, as it takes them."""

    def __init__(self):
        import tantivy

        self.lib, self.version = tantivy, "tantivy %s" % tantivy.__version__

    def build(self, texts):
        t = self.lib
        words = (t.TextAnalyzerBuilder(t.Tokenizer.simple()).filter(t.Filter.remove_long(40))
                 .filter(t.Filter.lowercase()).filter(t.Filter.stopword("english"))
                 .filter(t.Filter.stemmer("english")).build())
        fields = t.SchemaBuilder()
        fields.add_text_field("text", tokenizer_name="words", index_option="freq")
        self.index = t.Index(fields.build())
        self.index.register_tokenizer("words", words)
        writer = self.index.writer(heap_size=1_000_000_000, num_threads=1)
        for text in texts:
            writer.add_document(t.Document(text=text))
        writer.commit()
        writer.wait_merging_threads()
        self.index.reload()
        self.searcher = self.index.searcher()
        if self.searcher.num_segments != 1:
            raise RuntimeError("%d segments, one is wanted" % self.searcher.num_segments)

    def search(self, questions):
        found = []
        for q in questions:
            query = self.index.parse_query(re.sub(r"\W+", " ", q), ["text"])
            found.append([address.doc for _, address in self.searcher.search(query, 10, count=False).hits])
        return found


VECTORS = {
    "hnswlib": Hnswlib,
    "faiss HNSW": Faiss,
    "faiss HNSW SQ8": functools.partial(Faiss, bytes_only=True),
    "USearch i8": Usearch,
}
WORDS = {"bm25s": Bm25s, "tantivy": Tantivy}
