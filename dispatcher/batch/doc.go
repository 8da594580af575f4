// Package batch turns many small calls to a store into few large ones, by natural
// batching: a batch is what queued up while the batch before it was on its way. A
// lone call never waits, and the busier a process is, the larger its batches are.
//
// [Batcher] writes and [Fetcher] reads. One bad item must not take its neighbours
// along, nor may a store that is down be taken for a bad item: [Transient] tells
// the two apart, and [NewBackOff] spaces the repetitions.
package batch
