#!/usr/bin/env python3
"""The usual stack for questions over one's own documents, as its guides write it: LangChain, Chroma,
sentence-transformers, FastAPI, and a cache of answers in a dict or in Redis. The call to a language
model is a stand-in that returns at once.

    seedstack.py serve MODEL FOLDER PORT [REDIS_URL]      POST /query, POST /query/stream {"question"}
    seedstack.py fill MODEL FOLDER        {"id","text","metadata","embedding"} a line on standard input:
                                          the passages, with vectors that somebody made
    seedstack.py child MODEL FOLDER       a line a command, a line of JSON back:
        ingest FILE      {"id","text"} a line: embeds and stores them; {"seconds"}
        search FILE      {"question"} a line: {"embed_ms","search_ms","filtered_ms"}, the medians
"""
import hashlib
import json
import os
import statistics
import sys
import time

os.environ.update(HF_HUB_OFFLINE="1", ANONYMIZED_TELEMETRY="False", TOKENIZERS_PARALLELISM="false")

from langchain_chroma import Chroma
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_huggingface import HuggingFaceEmbeddings

K, BATCH = 5, 64
FILTER = {"shelf": 3}
PROMPT = ChatPromptTemplate.from_template(
    "Answer the question using only the following context. If it does not say, say that you do not know.\n\n"
    "Context:\n{context}\n\nQuestion: {question}\n\nAnswer:")
SAID = "According to the context, this is the answer [1]."


class Stack:
    def __init__(self, model, folder):
        self.embeddings = HuggingFaceEmbeddings(model_name=model, model_kwargs={"device": "cpu"},
                                                encode_kwargs={"normalize_embeddings": True, "batch_size": BATCH})
        self.store = Chroma("documents", embedding_function=self.embeddings, persist_directory=folder,
                            collection_metadata={"hnsw:space": "cosine"})
        self.chain = PROMPT | FakeListChatModel(responses=[SAID]) | StrOutputParser()

    def find(self, question):
        return self.store.similarity_search_with_score(question, k=K)


def prompt_words(question, found):
    return {"question": question, "context": "\n\n".join(d.page_content for d, _ in found)}


def sources(found):
    return [{"document": d.id, "text": d.page_content, "metadata": d.metadata, "score": 1 - distance}
            for d, distance in found]


def key_of(question):
    return "answer:" + hashlib.sha256(question.encode()).hexdigest()


# ---- the service ----

class DictCache(dict):
    async def get(self, key):
        return dict.get(self, key)

    async def set(self, key, value):
        self[key] = value


class RedisCache:
    def __init__(self, url):
        import redis.asyncio
        self.redis = redis.asyncio.from_url(url)

    async def get(self, key):
        value = await self.redis.get(key)
        return json.loads(value) if value else None

    async def set(self, key, value):
        await self.redis.set(key, json.dumps(value), ex=3600)


def app_of(stack, cache):
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse
    from pydantic import BaseModel
    from starlette.concurrency import run_in_threadpool

    class Question(BaseModel):
        question: str

    app = FastAPI()

    def answer(question):
        found = stack.find(question)
        return {"answer": stack.chain.invoke(prompt_words(question, found)), "sources": sources(found)}

    @app.post("/query")
    async def query(q: Question):
        key = key_of(q.question)
        kept = await cache.get(key)
        if kept is None:
            kept = await run_in_threadpool(answer, q.question)
            await cache.set(key, kept)
            return {**kept, "cached": False}
        return {**kept, "cached": True}

    @app.post("/query/stream")
    async def stream(q: Question):
        async def events():
            found = await run_in_threadpool(stack.find, q.question)
            yield "event: sources\ndata: %s\n\n" % json.dumps(sources(found))
            async for part in stack.chain.astream(prompt_words(q.question, found)):
                yield "data: %s\n\n" % json.dumps({"text": part})
        return StreamingResponse(events(), media_type="text/event-stream")

    return app


def serve(model, folder, port, redis_url=None):
    import uvicorn
    stack = Stack(model, folder)
    uvicorn.run(app_of(stack, RedisCache(redis_url) if redis_url else DictCache()), host="127.0.0.1",
                port=int(port), log_level="warning", access_log=False)


# ---- what is measured inside it ----

def fill(model, folder):
    stack, rows = Stack(model, folder), [json.loads(line) for line in sys.stdin]
    for at in range(0, len(rows), 5000):
        part = rows[at:at + 5000]
        stack.store._collection.add(ids=[r["id"] for r in part], documents=[r["text"] for r in part],
                                    metadatas=[r["metadata"] for r in part],
                                    embeddings=[r["embedding"] for r in part])


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def ingest(stack, path):
    rows = lines(path)
    began = time.perf_counter()
    stack.store.add_texts([r["text"] for r in rows], ids=[r["id"] for r in rows])
    return {"seconds": time.perf_counter() - began}


def median_ms(call, values):
    took = []
    for v in values:
        began = time.perf_counter()
        call(v)
        took.append(1e3 * (time.perf_counter() - began))
    return statistics.median(took)


def search(stack, path):
    asked = [r["question"] for r in lines(path)]
    vectors = [stack.embeddings.embed_query(q) for q in asked]
    by = stack.store.similarity_search_by_vector
    return {"embed_ms": median_ms(stack.embeddings.embed_query, asked),
            "search_ms": median_ms(lambda v: by(v, k=K), vectors),
            "filtered_ms": median_ms(lambda v: by(v, k=K, filter=FILTER), vectors)}


def child(model, folder):
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the libraries print is not an answer
    stack = Stack(model, folder)
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        word, path = line.split()
        print(json.dumps({"ingest": ingest, "search": search}[word](stack, path)), file=out, flush=True)


if __name__ == "__main__":
    {"serve": serve, "fill": fill, "child": child}[sys.argv[1]](*sys.argv[2:])
