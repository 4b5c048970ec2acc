"""Attribution methods: arrays in, named arrays out."""
