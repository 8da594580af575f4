// Package telecom has event types that services of telecommunication and most others
// that are sold by subscription have in common, ready to use: users, services, billing,
// messages, calls, campaigns, interfaces, security. Each has a description, a schema and an
// example.
//
//	types := catalog.New()
//	err := telecom.Register(types)
//	d, err := dispatcher.New(st, dispatcher.Config{EventTypes: types.Types()})
//	ev, err := webhook.NewEvent("acme", "sms.delivered", telecom.SMSDelivered{MessageID: "msg_1", …})
//
// The payload of each type is a struct of this package. Texts of messages are redacted:
// people do not see them in the log.
package telecom
