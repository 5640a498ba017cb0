mod asking;
mod bounds;
mod rules;
