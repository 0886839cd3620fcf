#include "packed.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace netwright {
namespace {

// Columns of a quad that must be present: with three, 16 products for three columns are fewer
// operations than the 24 that a group of four takes with its interleaving.
constexpr int kQuadPresent = 3;

// Quads in use for each quad of the activation from which on the interleaving has paid.
constexpr std::int64_t kQuadUses = 6;

// One column of a stripe: its index and its `block_rows` weights.
struct Column {
  std::uint16_t index;
  const std::int8_t* group;
  int slot;

  std::int8_t weight(int row) const { return group[4 * row + slot]; }
};

// The columns of a stripe that are not zero; `ordered` becomes false if they do not ascend.
std::vector<Column> columns_of(const Weights& weights, std::int64_t stripe, bool& ordered) {
  std::vector<Column> found;
  const int rows = weights.block_rows;
  for (std::int64_t g = weights.offsets[stripe]; g < weights.offsets[stripe + 1]; ++g) {
    for (int slot = 0; slot < 4; ++slot) {
      const Column column{weights.indices[4 * g + slot], weights.values + 4 * rows * g, slot};
      bool zero = true;
      for (int row = 0; row < rows; ++row) zero = zero && column.weight(row) == 0;
      if (zero) continue;
      if (!found.empty() && column.index <= found.back().index) ordered = false;
      found.push_back(column);
    }
  }
  return found;
}

// Append four columns, missing ones as zeros; `columns` has at least one and at most four.
void append(const std::vector<Column>& columns, int rows, std::vector<std::int8_t>& values,
            bool in_place) {
  for (int row = 0; row < rows; ++row) {
    std::int8_t word[4] = {0, 0, 0, 0};
    for (std::size_t i = 0; i < columns.size(); ++i) {
      word[in_place ? columns[i].index % 4 : i] = columns[i].weight(row);
    }
    values.insert(values.end(), word, word + 4);
  }
}

}  // namespace

void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

PackedWeights::PackedWeights(int block_rows, std::int64_t columns,
                             std::vector<std::int32_t> offsets, std::vector<std::uint16_t> indices,
                             std::vector<std::int8_t> values)
    : block_rows_(block_rows),
      columns_(columns),
      offsets_(std::move(offsets)),
      indices_(std::move(indices)),
      values_(std::move(values)) {
  require(block_rows == 4 || block_rows == 8, "block_rows must be 4 or 8");
  require(!offsets_.empty() && offsets_.front() == 0, "offsets must start with 0");
  require(std::is_sorted(offsets_.begin(), offsets_.end()), "offsets must not decrease");
  const auto num_groups = static_cast<std::size_t>(offsets_.back());
  require(indices_.size() == 4 * num_groups, "indices must have 4 entries a group");
  require(values_.size() == 4 * num_groups * static_cast<std::size_t>(block_rows),
          "values must have 4 * block_rows entries a group");
  require(std::all_of(indices_.begin(), indices_.end(),
                      [&](std::uint16_t index) { return index < columns; }),
          "indices must be smaller than the number of columns");
  take_quads();
}

Weights PackedWeights::groups() const {
  return {block_rows_,     rows(),  columns_, offsets_.data(), indices_.data(),
          values_.data(),  nullptr, nullptr,  nullptr};
}

Weights PackedWeights::with_quads() const {
  if (quad_offsets_.empty()) return groups();
  return {block_rows_,
          rows(),
          columns_,
          rest_offsets_.data(),
          rest_indices_.data(),
          rest_values_.data(),
          quad_offsets_.data(),
          quad_indices_.data(),
          quad_values_.data()};
}

void PackedWeights::take_quads() {
  const Weights weights = groups();
  quad_offsets_ = rest_offsets_ = {0};
  bool ordered = true;
  for (std::int64_t stripe = 0; stripe < num_stripes(); ++stripe) {
    const std::vector<Column> columns = columns_of(weights, stripe, ordered);
    std::vector<Column> rest;
    for (std::size_t i = 0; i < columns.size();) {
      std::size_t end = i + 1;
      const int quad = columns[i].index / 4;
      while (end < columns.size() && columns[end].index / 4 == quad) ++end;
      const std::vector<Column> members(columns.begin() + i, columns.begin() + end);
      i = end;
      if (members.size() < kQuadPresent || 4 * quad + 4 > columns_) {
        rest.insert(rest.end(), members.begin(), members.end());
        continue;
      }
      quad_indices_.push_back(static_cast<std::uint16_t>(quad));
      append(members, block_rows_, quad_values_, true);
    }
    for (std::size_t i = 0; i < rest.size(); i += 4) {
      const std::size_t end = std::min(i + 4, rest.size());
      const std::vector<Column> members(rest.begin() + i, rest.begin() + end);
      for (std::size_t q = 0; q < 4; ++q) {
        rest_indices_.push_back(members[std::min(q, members.size() - 1)].index);
      }
      append(members, block_rows_, rest_values_, false);
    }
    quad_offsets_.push_back(static_cast<std::int32_t>(quad_indices_.size()));
    rest_offsets_.push_back(static_cast<std::int32_t>(rest_indices_.size() / 4));
  }
  const auto uses = static_cast<std::int64_t>(quad_indices_.size());
  if (ordered && uses >= kQuadUses * (columns_ / 4) && uses > 0) return;
  for (auto* list : {&quad_offsets_, &rest_offsets_}) *list = {};
  for (auto* list : {&quad_indices_, &rest_indices_}) *list = {};
  for (auto* list : {&quad_values_, &rest_values_}) *list = {};
}

std::int64_t PackedWeights::boundary(std::int64_t chunk, std::int64_t num_chunks) const {
  if (chunk == 0) return 0;
  if (chunk == num_chunks) return num_stripes();
  // A stripe costs its groups and, even without any, the store of its rows.
  const double cost = static_cast<double>(offsets_.back()) + 2.0 * num_stripes();
  const double target = cost * static_cast<double>(chunk) / static_cast<double>(num_chunks);
  std::int64_t low = 0;
  std::int64_t high = num_stripes();
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (offsets_[middle] + 2.0 * middle < target) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace netwright
