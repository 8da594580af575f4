package send

// NewBatch frames messages to go in one request, which has the id of the batch: a
// JSON array of their envelopes, each of which begins with the id of its event. It is
// made of nothing but the messages, so that every attempt sends the same bytes.
func NewBatch(id string, messages []*Message) *Message {
	const key = `"id":"",`
	size := 2
	for _, m := range messages {
		size += len(m.id) + len(key) + len(m.body) + 1
	}
	body := append(make([]byte, 0, size), '[')
	for i, m := range messages {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"id":"`...)
		body = append(body, m.id...) // letters, digits and "_" need no escape
		body = append(body, `",`...)
		body = append(body, m.body[1:]...)
	}
	return &Message{id: id, body: append(body, ']')}
}
