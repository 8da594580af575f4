package pointer_test

import (
	"fmt"

	"github.com/postrider/postrider/webhook/pointer"
)

func ExampleReplace() {
	email, err := pointer.Parse("/customer/email")
	if err != nil {
		panic(err)
	}
	masked, err := pointer.Replace([]byte(`{"id": 1e400, "customer": {"email": "jane@example.com"}}`), []byte(`"[redacted]"`), email)
	fmt.Println(string(masked), err)
	// Output: {"id": 1e400, "customer": {"email": "[redacted]"}} <nil>
}
