package webhook

// TraceContext is a place in a distributed trace, as W3C Trace Context writes it. It
// is kept with an event, so that attempts belong to the trace of whoever published it,
// whichever process makes them and however much later. The zero value is none.
type TraceContext struct {
	// Parent is a traceparent, such as
	// "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".
	Parent string
	// State is the tracestate that goes with it, which may be empty.
	State string
}

// MaxTraceStateLen is how long a tracestate is at most that is kept, in bytes: what
// W3C Trace Context (3.3.1.5) says should be passed on at least. A longer one is left
// out as a whole, and the trace goes on without it.
const MaxTraceStateLen = 512
