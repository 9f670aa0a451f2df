import numpy as np

from intarsia.digits import data


def test_every_image_is_on_one_side_in_the_order_of_the_data_set():
    (images, labels), (held_images, held_labels) = data.training(), data.held_out()
    assert images.shape == (1437, 1, 8, 8)
    assert held_images.shape == (360, 1, 8, 8)
    assert labels.shape == (1437,)
    assert held_labels.shape == (360,)
    assert labels[:10].tolist() == list(range(10))
    assert held_labels[-5:].tolist() == [9, 0, 8, 9, 8]


def test_images_have_seventeen_greys_from_0_to_1():
    images = np.concatenate([data.training()[0], data.held_out()[0]])
    assert images.dtype == np.float32
    assert np.unique(images).tolist() == [grey / 16 for grey in range(17)]
