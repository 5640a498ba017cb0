//! The whole product, driven from outside: one module for each door and each promise.

mod rest;
