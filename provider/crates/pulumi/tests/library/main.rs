//! A small made-up provider, a library with books and shelves, called by a gRPC client as an engine calls it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod book;
mod concealment;
mod find_books;
mod functions;
mod library;
mod lists;
mod resources;
mod schema;
mod settings;
mod shelf;
mod waits;
mod world;
