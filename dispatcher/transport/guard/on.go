//go:build !postrider_no_guard

package guard

// dialGuarded says that Control judges. A build for the tests alone turns it off,
// to show that they find out.
const dialGuarded = true
