package webhook

// CancelOutcome is what became of the wish to cancel a delivery.
type CancelOutcome string

// What may become of it.
const (
	// CancelDone: it had not gone out, and ends as canceled.
	CancelDone CancelOutcome = "canceled"
	// CancelRequested: a process has it. It ends as canceled, unless the attempt
	// that is under way delivers it; no other is made.
	CancelRequested CancelOutcome = "requested"
	// CancelBound: it is a member of a batch that was sent before, and what is
	// in a batch never changes.
	CancelBound CancelOutcome = "batched"
	// CancelUnblocked: it had failed for good and held up the later events of its
	// ordering key, which go on now.
	CancelUnblocked CancelOutcome = "unblocked"
	// CancelEnded: it had ended already, however it did.
	CancelEnded CancelOutcome = "ended"
)

// Cancellation is the answer about one delivery.
type Cancellation struct {
	DeliveryID string
	Outcome    CancelOutcome
}
