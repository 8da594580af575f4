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
