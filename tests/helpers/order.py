"""The order of the test files."""

# The files that take longest, first: a process that takes whole files (`make test`) should not end
# alone with one of them. The workflow is made by the first that asks for it, while others wait:
# what else needs it comes later.
LONGEST = (
    "workflow/test_stages.py",
    "reference/test_golden_positions.py",
    "reference/test_golden_channels.py",
    "browser/test_explore_view.py",
    "browser/test_explore.py",
    "unit/runtime/test_forkserver.py",
    "unit/autodiff/test_operations.py",
    "unit/stages/datasets/test_exemplars.py",
    "unit/figures/test_pages.py",
    "workflow/test_module.py",
    "workflow/test_stale.py",
    "workflow/test_mishaps.py",
    "workflow/test_datasets.py",
    "unit/figures/test_spatial.py",
    "browser/test_page.py",
    "reference/test_golden.py",
    "reference/test_reproduce.py",
    "unit/project/test_imports.py",
    "unit/project/test_needs.py",
    "unit/figures/test_channels.py",
    "unit/models/test_preparation.py",
    "unit/models/files/test_keras_names.py",
    "unit/figures/test_factors.py",
    "unit/stages/feature_visualization/test_render_grid.py",
    "unit/stages/feature_visualization/test_render_sprites.py",
    "unit/feature_visualization/test_activation_grid.py",
)
