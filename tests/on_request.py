"""Files of the tests' tiny project that no figure needs: stage -> file to ask for."""

ON_REQUEST = {
    "channels": "results/tiny/noise/smooth/channels/low.h5",
    "drivers": "results/tiny/noise/smooth/drivers/low--block~high.h5",
    "neurons": "results/tiny/noise/groups/block~high-2.h5",
    "positions": "results/tiny/noise/smooth/positions/low--block~high.h5",
}
