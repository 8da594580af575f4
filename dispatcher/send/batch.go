package send

// NewBatch puts messages together to go in one request, which has the id of the batch:
// an array of their envelopes. It is made of nothing but the messages, so that every
// attempt sends the same bytes.
func NewBatch(id string, messages []*Message) *Message {
	size := 2
	for _, m := range messages {
		size += len(m.id) + len(`"id":"",`) + len(m.body) + 1
	}
	return &Message{id: id, members: messages, size: size}
}
