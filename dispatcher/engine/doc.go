// Package engine delivers under one lease: it claims, sends and settles, from
// [Acquire] until the lease is given back or lost.
//
// Four things go on in an [Engine] that runs:
//
//   - the claim loop brings in what was not handed over, takes over what dead
//     processes left, and gives back what a lost reply has stranded;
//   - workers take what the scheduler starts next, make one attempt, decide what
//     the answer means (see outcome.go, the only place that does) and queue it;
//   - outcomes are settled in batches, again and again until the store has taken
//     them;
//   - the lease is renewed, the changes of endpoints followed, and what is past
//     its retention removed.
//
// Whoever publishes may hand deliveries over without a claim: [Engine.Reserve]
// before they are written, [Engine.Push] after.
package engine
