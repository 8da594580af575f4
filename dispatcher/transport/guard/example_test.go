package guard_test

import (
	"fmt"

	"github.com/postrider/postrider/dispatcher/transport/guard"
)

func ExampleGuard_CheckURL() {
	var g guard.Guard
	for _, raw := range []string{"https://Acme.example:443/hooks", "https://127.0.0.1/", "https://2130706433/"} {
		normal, err := g.CheckURL(raw)
		fmt.Println(normal, err)
	}
	// Output:
	// https://acme.example/hooks <nil>
	//  url: Endpoint address is not allowed.
	//  url: Endpoint must be a valid HTTPS URL.
}

// A tenant whose receivers may only be a partner's, in one range or below one
// domain, but not one machine in it.
func ExampleNewList() {
	list, err := guard.NewList([]string{"203.0.114.0/24", "partner.example"}, []string{"203.0.114.9"})
	if err != nil {
		panic(err)
	}
	var g guard.Guard
	for _, raw := range []string{"https://hooks.partner.example/", "https://203.0.114.7/", "https://203.0.114.9/", "https://8.8.8.8/"} {
		_, err := g.CheckURLWithin(raw, guard.Scope{Tenant: list})
		fmt.Println(raw, err)
	}
	// Output:
	// https://hooks.partner.example/ <nil>
	// https://203.0.114.7/ <nil>
	// https://203.0.114.9/ url: Endpoint address is not allowed.
	// https://8.8.8.8/ url: Endpoint address is not allowed.
}
