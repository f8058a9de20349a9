// A form in the admin that does a piece of a long list with each request goes on by itself.

document.querySelector("[data-goes-on]")?.submit();
