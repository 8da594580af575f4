// Package entropy is the engine's only source of randomness: of ids and of
// jitter. Given the same bytes to read, and the same calls in the same order, it
// gives the same ids and the same waits, so that a test can be repeated.
package entropy
